"""What is told of a run while it goes on."""

import io
import logging

import pytest

from auric.tally import Tally, TallyHandler, follow, in_words

ROOMS = {"labels": "reference", "frames": "reference", "report": "report"}


def record(event=None, message="", **fields):
    made = logging.LogRecord("snakemake", logging.INFO, "", 0, message, (), None)
    made.__dict__.update(fields, event=event)
    return made


@pytest.fixture
def told(tmp_path):
    """A handler with a clock that is set by hand, and what it has told."""
    clock, stream = [1000.0], io.StringIO()
    tally = Tally(ROOMS, {"labels": 60.0, "frames": 2.0}, cores=2)
    handler = TallyHandler(tally, tmp_path / "results/progress.log", stream, lambda: clock[0])

    def tell(event, at, **fields):
        clock[0] = at
        handler.emit(record(event, **fields))

    return tell, stream, tmp_path / "results/progress.log", tally


def test_a_run_from_its_first_job_to_its_last(told):
    tell, stream, log, tally = told
    tell("run_info", 0.0, stats={"labels": 2, "frames": 1, "report": 1, "all": 1, "total": 5})
    tell("job_info", 0.0, jobid=1, rule_name="frames", wildcards={"s": "000"})
    tell("job_finished", 4.0, job_id=1)
    assert tally.left_s(4.0) == pytest.approx(60 + 60 + 10)  # one at a time so far; nothing is known of the report
    tell("job_info", 4.0, jobid=2, rule_name="labels", wildcards={"s": "000", "f": "000"})
    tell("job_info", 4.0, jobid=3, rule_name="labels", wildcards={"s": "000", "f": "001"})
    tell("job_finished", 24.0, job_id=2)
    assert (
        tally.left_s(24.0) == 10
    )  # labels took 20 s, not 60, and the other is at its end; a report is never shorter than itself
    tell("job_finished", 24.5, job_id=3)
    tell("job_info", 24.5, jobid=4, rule_name="report", wildcards={})
    tell("job_finished", 26.0, job_id=4)
    tell("job_finished", 26.0, job_id=0)  # `all`, which never began
    lines = log.read_text().splitlines()
    assert "4 jobs to run (reference 3, report 1); about 66 s" in lines[0]
    assert "1 of 4, 15 jobs/min, about 2.2 min left | reference 1 of 3 | frames 000: 4 s" in lines[1]
    assert "2 of 4, 5 jobs/min, about 10 s left | reference 2 of 3 | labels 000 000: 20 s" in lines[2]
    assert "4 of 4 in 26 s | report 1 of 1 | report: 1.5 s" in lines[4]
    assert lines[5].endswith("reference: 3 jobs, 44 s")
    assert "labels 000 001" not in stream.getvalue()  # half a second after another line
    assert len(stream.getvalue().splitlines()) == len(lines) - 1


def test_the_rate_is_that_of_the_last_minutes_or_jobs():
    tally = Tally(ROOMS, {})
    tally.plan({"labels": 1000}, 0.0)

    def run(seconds, times):
        nonlocal now
        for _ in range(times):
            tally.begin(1, "labels", {}, now)
            now += seconds
            line = tally.finish(1, now)
        return line.split(", ")[1]

    now = 0.0
    assert run(600.0, 3) == "6 jobs/h"
    assert run(1.0, 400) == "60 jobs/min"  # what was slow is long ago
    assert run(40_000.0, 8) == "2.2 jobs/d"


def test_a_job_that_fails_and_is_tried_again(told):
    tell, stream, log, tally = told
    tell("run_info", 0.0, stats={"labels": 1, "total": 1})
    tell("job_info", 0.0, jobid=1, rule_name="labels", wildcards={"s": "000"})
    tell("job_error", 0.3, jobid=1, log=["results/x/logs/labels/000.log"])
    tell("job_info", 0.3, jobid=1, rule_name="labels", wildcards={"s": "000"})
    tell("job_finished", 5.3, job_id=1)
    assert "FAILED labels 000 after 0.3 s; see results/x/logs/labels/000.log" in stream.getvalue()
    assert tally.spent == {"labels": 5.0}
    assert "1 of 1 in 5.3 s" in log.read_text()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    stream = io.StringIO()
    handler = TallyHandler(Tally({}, {}), tmp_path / "file/progress.log", stream)
    handler.emit(record("run_info", stats={"labels": 1}))
    assert "1 jobs to run (labels 1)" in stream.getvalue()


def test_snakemakes_own_counting_is_left_out_and_all_else_told(tmp_path, capsys):
    logger, stream = logging.Logger("snakemake"), io.StringIO()
    own = logging.StreamHandler(stream)
    own.name = "DefaultStreamHandler"
    logger.addHandler(own)
    follow(logger, ROOMS, tmp_path / "progress.log", tmp_path / "missing.tsv", 1)
    logger.handle(record("progress", done=1, total=2))
    logger.handle(record(None, "Select jobs to execute..."))
    logger.handle(record(None, "Something went wrong"))
    logger.handle(record("job_info", jobid=1, rule_name="labels", wildcards={}))
    logger.handle(record("job_finished", "Finished jobid: 1", job_id=1))
    assert stream.getvalue().splitlines() == ["Something went wrong", ""]
    assert "labels: 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.2 s"), (30, "30 s"), (89, "89 s"), (100, "1.7 min"), (5000, "83 min"), (7200, "2 h"), (2e5, "2.3 d")],
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words
