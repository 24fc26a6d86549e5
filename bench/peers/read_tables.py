"""Opens a run's tables with the tools people use. `python bench/peers/read_tables.py <run folder>`"""
import sys
from pathlib import Path

import datasets
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

run = Path(sys.argv[1])
datasets.disable_progress_bars()
for name in ["scores", "pies"]:
    path = run / f"{name}.parquet"
    frame = pd.read_parquet(path)
    rows = {
        "pandas": len(frame),
        "pyarrow": pq.read_table(path).num_rows,
        "polars": pl.read_parquet(path).height,
        "duckdb": duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall()[0][0],
        "datasets": datasets.load_dataset("parquet", data_files=str(path), split="train").num_rows,
    }
    assert len(set(rows.values())) == 1, rows
    print(name, rows, f"{len(frame.columns)} columns")
hand_over = datasets.load_dataset("parquet", data_files=str(run / "pies.parquet"), split="train")
print("image column:", hand_over.features["image"], hand_over[0]["image"])
with pa.ipc.open_file(run / "pies.arrow") as arrow:
    assert arrow.read_all().num_rows == len(hand_over)
for split in sorted((run / "splits").glob("*.parquet")):
    loaded = datasets.load_dataset("parquet", data_files=str(split), split="train")
    print(split.name, loaded.num_rows, list(loaded.features))
