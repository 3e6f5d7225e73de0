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
from typing import Any

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
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from cvsync.known import SCHEMA as KNOWN
    from cvsync.known import KnownImages
    from cvsync.labels import as_column, one_chunk
    from cvsync.manifest import read
    from cvsync.model import Project, ProjectType, Tag
    from cvsync.parallel import each
    from cvsync.plan import Kind, diff
    from cvsync.snapshot import IMAGES, LABELS, Snapshot

    path = folder / "project.parquet"

    def page(number: int) -> tuple[pa.Array, Any, list[pa.Array]]:
        """Give the ids of a page's images, for each label its image's position among them, and the labels."""
        file = pq.ParquetFile(path, read_dictionary=["tag"])
        table = file.read_row_group(number, use_threads=False)
        ids = one_chunk(table.column("image_id"))
        is_new = np.append(True, np.asarray(pc.not_equal(ids[1:], ids[:-1])))
        columns = [one_chunk(table.column(name)) for name in ("tag", *BOX)]
        return ids.filter(pa.array(is_new)), np.cumsum(is_new, dtype=np.int32) - np.int32(1), columns

    def snapshot() -> Snapshot:
        """Give what a listing gives, page by page: images in a row, each with its labels."""
        pages = each(page, range(pq.ParquetFile(path).num_row_groups))
        images, positions, count, last = [], [], 0, None
        for ids, position, _ in pages:
            goes_on = int(ids[0] == last)  # an image's labels may lie on two pages
            positions.append(position + np.int32(count - goes_on))
            images.append(ids[goes_on:])
            count, last = count + len(ids) - goes_on, ids[-1]
        tag, *box = (pa.chunked_array(parts) for parts in zip(*(labels for *_, labels in pages), strict=True))
        image = pa.array(np.concatenate(positions))
        columns = [image, one_chunk(tag.unify_dictionaries()), pa.nulls(len(image), pa.string())]
        columns += each(one_chunk, box)
        size = pa.nulls(count, pa.int32())
        return Snapshot(
            Project("p", "p"), ProjectType.DETECTION,
            [Tag(name, name) for name in pc.unique(tag).to_pylist()],
            pa.Table.from_arrays([pa.concat_arrays(images), size, size], schema=IMAGES),
            pa.Table.from_arrays(list(map(as_column, columns, LABELS.types)), schema=LABELS),
        )  # fmt: skip

    def run() -> Counts:
        manifest = read([folder / "manifest.parquet"])
        assert not manifest.problems
        ledger = pq.read_table(folder / "ledger.parquet").combine_chunks()
        blank = [pa.nulls(len(ledger), KNOWN.field(name).type) for name in ("fingerprint", "version")]
        known = KnownImages(pa.Table.from_arrays([ledger["key"], ledger["image_id"], *blank], schema=KNOWN))
        present = snapshot()
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
