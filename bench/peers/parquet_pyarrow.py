"""pyarrow's side of bench/parquet.ts: writes a table that is in memory, and reads one, one order a line.

    {"what": "load", "path": "source.parquet"}
    {"what": "write", "path": "written.parquet", "rowGroupRows": 65536, "threads": 1}
    {"what": "read", "path": "source.parquet", "threads": 2}
    {"seconds": 0.12}
"""

import json
import sys
import time

import pyarrow
import pyarrow.parquet as parquet

table = None
print(json.dumps({"version": pyarrow.__version__}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    pyarrow.set_cpu_count(order.get("threads", 1))
    start = time.perf_counter()
    if order["what"] == "load":
        table = parquet.read_table(order["path"])
    elif order["what"] == "write":
        parquet.write_table(table, order["path"], compression="zstd", row_group_size=order["rowGroupRows"])
    else:
        parquet.read_table(order["path"], use_threads=order["threads"] > 1)
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
