"""The runs of a ledger: when each began, how it ended, and what it did."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping

import orjson

from cvsync.run.commits import Commits

STEPS = "steps"
_RUNS_KEPT = 30  # batches of older runs go; their totals stay in `runs`


class LedgerRuns:
    """What a ledger notes of runs, beside their requests."""

    _db: sqlite3.Connection
    _commits: Commits
    _clock: Callable[[], float]

    def start_run(self, run_id: str) -> None:
        """Note that a run begins; the batches of long-gone runs are dropped, their totals kept."""
        with self._commits.transaction():
            self._db.execute("INSERT INTO runs (run_id, started_at) VALUES (?, ?)", (run_id, self._clock()))
            old = self._db.execute(
                "SELECT DISTINCT ended_in FROM batches WHERE ended_in NOT IN"
                " (SELECT run_id FROM runs ORDER BY started_at DESC, run_id DESC LIMIT ?)",
                (_RUNS_KEPT,),
            ).fetchall()
            for (gone,) in old:
                totals = orjson.dumps(self.totals(gone)).decode()
                self._db.execute(  # a killed run wrote none
                    "UPDATE runs SET totals = ? WHERE run_id = ? AND totals IS NULL", (totals, gone)
                )
                self._db.execute("DELETE FROM batches WHERE ended_in = ? AND state <> 'sent'", (gone,))

    def end_run(
        self, run_id: str, *, exit_code: int, totals: Mapping[str, int], reason: str | None = None
    ) -> None:
        """Note how a run ended.

        Args:
            run_id: The run.
            exit_code: What the command tells those who started it.
            totals: What the run did.
            reason: What ended it before it was through; None: nothing did.
        """
        self._commits.execute(
            "UPDATE runs SET ended_at = ?, exit_code = ?, totals = ?, reason = ? WHERE run_id = ?",
            (self._clock(), exit_code, orjson.dumps(dict(totals)).decode(), reason, run_id),
        )

    def totals(self, run_id: str) -> Counter[str]:
        """Add up what a run did, from its rows: there is no running sum that could go wrong.

        Of a run whose rows are dropped, what they added up to.
        """
        totals = self._totals(run_id)
        del totals[STEPS]
        if not totals:
            kept = self._db.execute("SELECT totals FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            totals = Counter(orjson.loads(kept[0]) if kept and kept[0] else {})
        return totals

    def steps(self, run_id: str) -> int:
        """Add up how many actions of its plan a run brought to an end."""
        return self._totals(run_id)[STEPS]

    def _totals(self, run_id: str) -> Counter[str]:
        rows = self._db.execute(
            "SELECT c.key, sum(c.value) FROM batches, json_each(batches.counts) c"
            " WHERE ended_in = ? GROUP BY c.key",
            (run_id,),
        )
        return Counter({name: int(total) for name, total in rows})
