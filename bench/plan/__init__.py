"""Jobs to run: variants, content keys, states of records, forecasts of cost."""
