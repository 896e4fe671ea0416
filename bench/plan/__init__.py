"""Jobs to run: rows, content keys, states of records, forecasts of cost."""
