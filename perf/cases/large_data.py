"""Data of NUS-WIDE's size (146000 x 2048, made on the spot): seconds until training starts, against importing torch and
against plain PyTorch with the files in memory; and that nothing is copied. And the memory that preparing VOC's number
of photographs takes, where BENCH_SHARED_DATA has some."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from scipy import sparse

from perf.machine import over

ROWS = {"train": 146000, "val": 4000, "test": 60260}
FEATURES, LABELS = 2048, 81
PHOTOGRAPHS = 9963

START = """
import resource, sys, time
started = time.perf_counter()
from pathlib import Path
from bench import config
from bench.training import step
from bench.plan.variants import chosen_variants
from bench.plan.tracks import make_plan
from bench.job.inputs import prepare
import numpy as np, torch
torch.set_num_threads(1)
folders = [Path(sys.argv[1])]
settings = config.load()
plan = make_plan(settings, folders, ["Large"], chosen_variants(settings, ["BCE"]), [0])
dataset = plan.jobs[0].source.load()
job = plan.jobs[0]
prepared = prepare(dataset, job.protocol.scaling, job.protocol.fidelity, torch.device("cpu"), torch.float32)
shared = np.shares_memory(prepared.splits["train"].x.numpy(), dataset.splits["train"].x)
mapped = isinstance(dataset.splits["train"].x, np.memmap)
class Started(Exception): pass
def stop(*given): raise Started
step.Step.__call__ = stop
try:
    from bench.job.fit_linear import fit_linear
    fit_linear(job.base, list(job.points), prepared, job.protocol, 0)
except Started:
    pass
anonymous = int(next(l for l in open("/proc/self/status") if l.startswith("RssAnon")).split()[1]) / 1024
print(time.perf_counter() - started, shared and mapped, anonymous)
"""

PLAIN = """
import sys, time
started = time.perf_counter()
import numpy as np, torch
from scipy import sparse
torch.set_num_threads(1)
x, y = {}, {}
for split in ("train", "val", "test"):
    x[split] = torch.from_numpy(np.load(f"{sys.argv[1]}/Large_{split}_features_simulated.npy"))
    y[split] = torch.from_numpy(sparse.load_npz(f"{sys.argv[1]}/Large_{split}_labels.npz").toarray()).float()
data = torch.utils.data.TensorDataset(x["train"], y["train"])
model = torch.nn.Linear(x["train"].shape[1], y["train"].shape[1])
optimiser = torch.optim.AdamW(model.parameters(), amsgrad=True)
features, labels = next(iter(torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)))
print(time.perf_counter() - started)
"""

IMPORT = """
import time
started = time.perf_counter()
import torch
print(time.perf_counter() - started)
"""
ROUNDS = 3

PREPARE = """
import resource, sys
from pathlib import Path
import torch
from bench.datasets.features import images
torch.set_num_threads(2)
network = images.load_network(images.LITE, int(sys.argv[2]))
paths = sorted(Path(sys.argv[1]).glob("*.jpg"))
images.extract(network, (paths * (int(sys.argv[3]) // len(paths) + 1))[: int(sys.argv[3])], Path(sys.argv[4]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def run(full: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        first = _python(START, folder)
        rounds = [[_python(program, folder) for program in (START, PLAIN, IMPORT)] for _ in range(ROUNDS)]
        again, plain, importing = ([float(one[number][0]) for one in rounds] for number in range(3))
        results: dict[str, object] = {
            "feature_files_gb": sum(path.stat().st_size for path in Path(folder).glob("*.npy")) / 1e9,
            "seconds_to_first_step": float(first[0]),
            "seconds_to_first_step_again": median(again),
            "plain_seconds": median(plain),
            "import_torch_seconds": median(importing),
            "ratio_to_plain": over(plain, again),
            "mapped_and_not_copied": first[1] == "True",
            "memory_of_its_own_mb": float(first[2]),
        }
        photographs = Path(os.environ.get("BENCH_SHARED_DATA", folder)) / "raw/voc2007-sample/JPEGImages"
        if photographs.is_dir():
            target = str(Path(folder) / "photographs.npy")
            small = _python(PREPARE, str(photographs), "64", str(PHOTOGRAPHS), target)
            large = _python(PREPARE, str(photographs), "448", "64", target)
            results["photographs"] = PHOTOGRAPHS
            results["peak_mb_of_all_photographs_at_64_pixels"] = float(small[0])
            results["peak_mb_of_64_photographs_at_448_pixels"] = float(large[0])
        return results


def write(folder: Path) -> None:
    """Simulated canonical files; the rows repeat a block, which no part of the harness notices."""
    random = np.random.default_rng(0)
    block = random.random((2000, FEATURES), dtype=np.float32)
    for split, rows in ROWS.items():
        path = folder / f"Large_{split}_features_simulated.npy"
        x = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, FEATURES))
        for start in range(0, rows, len(block)):
            x[start : start + len(block)] = block[: rows - start]
        x.flush()
        y = sparse.random(rows, LABELS, 0.02, "csr", random_state=0, data_rvs=np.ones)
        sparse.save_npz(folder / f"Large_{split}_labels.npz", y.astype(np.int8))


def _python(program: str, *arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()
