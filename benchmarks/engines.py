"""The same diff by four engines: read the three files of `generate.py`, count the labels that come and go.

Run as `python -m benchmarks.engines ENGINE FOLDER`; prints one JSON object: seconds from the first read to
the last count, the peak RSS of the process and what importing the engine takes of it, and the counts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.memory import peak
from cvsync.cli import process

BOX = ["left", "top", "width", "height"]
Counts = dict[str, int]


def with_pandas(folder: Path) -> Callable[[], Counts]:
    import pandas as pd

    def run() -> Counts:
        manifest = pd.read_parquet(folder / "manifest.parquet").rename(columns={"url": "key"})
        project = pd.read_parquet(folder / "project.parquet", columns=["image_id", "tag", *BOX])
        ledger = pd.read_parquet(folder / "ledger.parquet")
        present = project.merge(ledger, on="image_id").drop(columns="image_id")
        known = manifest["key"].isin(ledger["key"])
        create = manifest.loc[~known, "key"].nunique()
        on = ["key", "tag", *BOX]
        both = []
        for side in (manifest[known], present):
            ranked = side.copy()
            ranked["rank"] = side.groupby(on).cumcount()
            both.append(ranked)
        joined = both[0].merge(both[1], on=[*on, "rank"], how="outer", indicator=True)["_merge"]
        return {"create": create, "add": int((joined == "left_only").sum()),
                "remove": int((joined == "right_only").sum())}  # fmt: skip

    return run


def with_polars(folder: Path) -> Callable[[], Counts]:
    import polars as pl

    def run() -> Counts:
        manifest = pl.scan_parquet(folder / "manifest.parquet").rename({"url": "key"})
        ledger = pl.scan_parquet(folder / "ledger.parquet")
        project = pl.scan_parquet(folder / "project.parquet").select("image_id", "tag", *BOX)
        on = ["key", "tag", *BOX]
        known = manifest.join(ledger, on="key", how="semi").group_by(on).len()
        present = project.join(ledger, on="image_id").group_by(on).len()
        apart = known.join(present, on=on, how="full", coalesce=True).select(
            (
                pl.col("len").fill_null(0).cast(pl.Int64) - pl.col("len_right").fill_null(0).cast(pl.Int64)
            ).alias("n")
        )
        counted = apart.select(
            add=pl.col("n").filter(pl.col("n") > 0).sum(), remove=-pl.col("n").filter(pl.col("n") < 0).sum()
        )
        create = manifest.join(ledger, on="key", how="anti").select(pl.col("key").n_unique())
        changes, new = pl.collect_all([counted, create], engine="streaming")
        return {"create": new.item(), "add": changes["add"].item(), "remove": changes["remove"].item()}

    return run


def with_duckdb(folder: Path) -> Callable[[], Counts]:
    import duckdb

    def run() -> Counts:
        db = duckdb.connect()
        for name in ("manifest", "project", "ledger"):
            db.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
        box = ", ".join(f'"{name}"' for name in BOX)
        create = db.execute(
            "SELECT count(DISTINCT url) FROM manifest ANTI JOIN ledger ON url = key"
        ).fetchone()
        changes = db.execute(
            f"""
            WITH wanted AS (
                SELECT url AS key, tag, {box}, count(*) AS n
                FROM manifest SEMI JOIN ledger ON url = key GROUP BY ALL
            ), present AS (
                SELECT key, tag, {box}, count(*) AS n FROM project JOIN ledger USING (image_id) GROUP BY ALL
            ), apart AS (
                SELECT coalesce(wanted.n, 0) - coalesce(present.n, 0) AS n
                FROM wanted FULL JOIN present USING (key, tag, {box})
            )
            SELECT coalesce(sum(n) FILTER (n > 0), 0), coalesce(-sum(n) FILTER (n < 0), 0) FROM apart
            """
        ).fetchone()
        assert create is not None
        assert changes is not None
        return {"create": create[0], "add": int(changes[0]), "remove": int(changes[1])}

    return run


def with_cvsync(folder: Path) -> Callable[[], Counts]:
    """What a push does: reads and validates the manifest, then diffs it into a plan with its actions."""
    import pyarrow as pa

    from benchmarks.present import read_known, read_project
    from cvsync.manifest import read
    from cvsync.plan import Kind, diff

    def run() -> Counts:
        manifest = read([folder / "manifest.parquet"])
        assert not manifest.problems
        known = read_known(folder / "ledger.parquet")
        present = read_project(folder / "project.parquet")
        pa.default_memory_pool().release_unused()  # as the flow does
        plan = diff(manifest.labels, present, known)
        kinds = plan.table.column("kind").to_numpy()
        return {"create": plan.counts[Kind.CREATE_IMAGE], "add": int((kinds == Kind.ADD_LABEL).sum()),
                "remove": int((kinds == Kind.REMOVE_LABEL).sum())}  # fmt: skip

    return run


def bare_read(folder: Path) -> Callable[[], Counts]:
    """What reading costs without looking at a single value; nor loading pandas, which would be slower."""
    import pyarrow.parquet as pq

    from cvsync.cli import process

    process.arrange()

    return lambda: {"rows": pq.read_table(folder / "manifest.parquet").num_rows}


def read_with_cvsync(folder: Path) -> Callable[[], Counts]:
    from cvsync.manifest import read

    return lambda: {"rows": len(read([folder / "manifest.parquet"]).labels)}


ENGINES = {
    "pandas": with_pandas, "polars": with_polars, "duckdb": with_duckdb, "cvsync": with_cvsync,
    "bare read": bare_read, "cvsync read": read_with_cvsync,
}  # fmt: skip


def main(engine: str, folder: Path) -> None:
    if engine.startswith("cvsync"):
        process.arrange()  # as the command does
    run = ENGINES[engine](folder)
    imported = peak()
    started = time.perf_counter()
    counts = run()
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "imports": imported, "peak": peak(), "counts": counts}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
