"""The real HylaFAX: its scripts hand over, its mails are understood in every language, its sums agree."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import msgspec
import pytest

from channels.base import Reply
from channels.email.reading import read_email
from channels.fax.hylafax import read_lasted, read_log_line
from channels.fax.letters import read_fax_letter
from channels.fax.outlet import FaxOutlet
from channels.fax.tiff import read_tiff
from channels.fax.tray import Tray
from crm.contact import Attachment, DeliveryReport, blob_id
from crm.errors import DeliveryFailed
from tests.channels.fax.hylafax import FaxServer, a_server, a_spool, hook, run
from tests.channels.fax.machines import (
    MOMENT,
    STANDARD,
    Received,
    Shelf,
    a_door,
    a_fax,
    a_page,
    settings_for,
)
from tests.channels.fax.rig import an_answer, words_of
from tests.polling import until

pytestmark = [pytest.mark.component("hylafax-server", "hylafax-client", "tesseract"), pytest.mark.slow]

LANGUAGES = ("en", "de", "es", "fr", "it", "pl", "pt", "pt_BR", "ro")
CALL = ("recvq/fax000000012.tif", "ttyS0", "000000012", "", "+74951234567", "IVAN PETROV", "84955550000")


@pytest.fixture(scope="module")
def installed() -> Iterator[FaxServer]:
    with a_spool() as server:
        yield server


def dispatch(server: FaxServer, text: str) -> None:
    (server.spool / "etc" / "FaxDispatch").write_text(text)


def settings_file(home: Path, server: FaxServer) -> Path:
    path = home / "onewindow.toml"
    path.write_text(f'[fax]\nspool = "{server.spool}"\n')
    return path


def test_faxrcvd_hands_a_fax_over_and_it_is_kept_though_no_server_runs(
    installed: FaxServer, tmp_path: Path
) -> None:
    (installed.spool / CALL[0]).write_bytes(a_fax())
    dispatch(installed, hook(settings_file(tmp_path, installed)))
    installed.hand_over(*CALL)
    assert not (installed.spool / f"{CALL[0]}.refused").exists()
    tray = Tray(tmp_path / "var" / "fax" / "tray")
    (name,) = tray.waiting()
    arrival = tray.take(name)
    assert arrival is not None
    contact = arrival.contact
    assert (contact.key, contact.sender.value) == ("fax000000012", "+74951234567")
    assert contact.sender.name == "IVAN PETROV"
    assert contact.recipients[0].value == "84955550000"
    assert arrival.blobs[contact.attachments[0].blob] == a_fax()


def test_a_fax_that_cannot_be_kept_is_refused_to_the_script_and_stays(
    installed: FaxServer, tmp_path: Path
) -> None:
    (installed.spool / CALL[0]).write_bytes(a_fax())
    config = settings_file(tmp_path, installed)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "fax").write_text("a file where a directory should be")
    dispatch(installed, hook(config))
    installed.hand_over(*CALL)
    assert (installed.spool / f"{CALL[0]}.refused").exists()
    assert (installed.spool / CALL[0]).exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_that_hylafax_mails_is_a_fax_in_each_of_its_languages(
    installed: FaxServer, language: str
) -> None:
    content = a_fax(station="OFFICE 7 495 000")
    (installed.spool / CALL[0]).write_bytes(content)
    before = set(installed.mailed())
    dispatch(
        installed, f"TEMPLATE={language}\nSENDTO=fax@example.com\nFILETYPE=tif\nNOTIFY_FAXMASTER=never\n"
    )
    installed.hand_over(*CALL)
    (mail,) = set(installed.mailed()) - before
    letter = read_email(mail, received_at=MOMENT, envelope_from="faxmaster@example.com")
    fax = read_fax_letter(letter, settings_for(installed.spool, mail_senders=(letter.contact.sender.value,)))
    assert fax is not None
    contact = fax.contact
    assert (contact.sender.value, contact.sender.name) == ("+74951234567", "IVAN PETROV")
    assert contact.fields["commid"] == "000000012"
    assert contact.fields["station"] == "OFFICE 7 495 000"
    assert [fax.blobs[file.blob] for file in contact.attachments] == [content]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_of_a_failure_is_a_failed_fax_in_each_language(
    installed: FaxServer, language: str
) -> None:
    (installed.spool / CALL[0]).unlink(missing_ok=True)
    (installed.spool / "log" / "c000000012").write_text(
        "Mar 02 09:30:00.00: [  100]: SESSION BEGIN 000000012 74951234567\n"
        "Mar 02 09:30:01.00: [  100]: ANSWER: FAX CONNECTION  DEVICE '/dev/ttyS0'\n"
        "Mar 02 09:30:41.00: [  100]: SESSION END\n"
    )
    before = set(installed.mailed())
    dispatch(installed, f"TEMPLATE={language}\nSENDTO=fax@example.com\n")
    installed.hand_over(*CALL[:3], "T.30 T1 timeout {E004}", *CALL[4:])
    (mail,) = set(installed.mailed()) - before
    letter = read_email(mail, received_at=MOMENT, envelope_from="faxmaster@example.com")
    fax = read_fax_letter(letter, settings_for(installed.spool, mail_senders=(letter.contact.sender.value,)))
    assert fax is not None
    assert fax.contact.fields["outcome"] == "failed"
    assert fax.contact.fields["reason"] == "T.30 T1 timeout {E004}"
    assert fax.contact.fields["commid"] == "000000012"


def test_what_a_fax_says_of_itself_is_what_faxinfo_shows(tmp_path: Path) -> None:
    path = tmp_path / "fax000000012.tif"
    content = a_fax(a_page("one", lines_per_inch=STANDARD), a_page("two"), lines_per_inch=STANDARD)
    path.write_bytes(content)
    shown = dict(re.findall(r"^ *(\w+): (.*)$", run("faxinfo", str(path)), re.MULTILINE))
    tiff = read_tiff(content)
    assert shown["Sender"] == tiff.station
    assert shown["Pages"] == str(len(tiff.pages))
    assert shown["Received"] == tiff.made_at
    assert read_lasted(shown["TimeToRecv"]) == tiff.seconds == 90


def test_the_log_adds_up_to_what_hylafax_counts_itself(installed: FaxServer, tmp_path: Path) -> None:
    calls = [
        Received(1, pages=3),
        Received(2, pages=1, caller="+78120000000", name="OLGA"),
        Received(3, pages=0, reason="No answer {E001}"),
        Received(4, pages=12, caller="", name=""),
    ]
    log = tmp_path / "xferfaxlog"
    log.write_text("".join(call.line() for call in calls))
    told = installed.statistics("-cidnumber", str(log))
    lines = [read_log_line(text, UTC) for text in log.read_text().splitlines()]
    total = re.search(r"^Total +(\d+) +([\d:]+) ", told, re.MULTILINE)
    assert total, told
    minutes, seconds = total[2].split(":")[-2:]
    assert int(total[1]) == sum(line.pages for line in lines) == 16
    assert int(minutes) * 60 + int(seconds) == sum(line.seconds or 0 for line in lines)
    for line in lines:
        assert line.cid_number in told


@asynccontextmanager
async def sending() -> AsyncIterator[tuple[FaxServer, FaxOutlet]]:
    with a_server() as server:
        settings = msgspec.structs.replace(settings_for(server.spool), server=server.address)
        async with FaxOutlet(settings, zone=UTC, clock=lambda: MOMENT).open() as outlet:
            yield server, outlet


def in_form(form: str) -> bytes:
    made = io.BytesIO()
    a_page("The lamp is red.", height=2000).save(made, form, resolution=204)
    return made.getvalue()


async def test_an_answer_with_files_is_one_job_that_needs_no_more_making() -> None:
    async with sending() as (server, outlet):
        contents = (in_form("PDF"), in_form("PNG"), a_fax(a_page("The lamp is red.", height=2000)))
        files = tuple(
            Attachment(name=f"file{number}", mime="", size=len(content), blob=blob_id(content))
            for number, content in enumerate(contents)
        )
        answer = msgspec.structs.replace(an_answer(outlet, "0a1b", "On Wednesday."), attachments=files)
        blobs = {blob_id(content): content for content in contents}
        job_id = await outlet.deliver(Reply(answer, blobs))
        (job,) = server.jobs()
        assert (job["jobid"], job["jobtag"], job["external"]) == (job_id, "0a1b", "+74951234567")
        assert (job["maxtries"], job["maxdials"], job["resolution"]) == ("3", "12", "196")
        words = (await words_of(server, job)).splitlines()
        assert [line for line in words if line] == ["On Wednesday.", *["The lamp is red."] * 3]
        pages = server.spool / job["tiff"].split(":")[-1]
        assert run("tiffcheck", "-r", "196", "-l", "297", str(pages)).strip() == "OK"


async def test_a_job_that_is_taken_off_the_queue_is_told_as_failed(tmp_path: Path) -> None:
    async with sending() as (server, outlet):
        job_id = await outlet.deliver(Reply(an_answer(outlet, "0a1b", "On Wednesday.")))
        server.remove(job_id)
        told: list[tuple[str, DeliveryReport]] = []
        (tmp_path / "spool").symlink_to(server.spool)

        async def outcomes() -> list[tuple[str, str]]:
            return [(contact_id, report.outcome) for contact_id, report in told]

        async with a_door(tmp_path, Shelf().accept, told=told):
            await until(outcomes, [("fax:0a1b", "failed")])


async def test_what_no_machine_can_dial_is_refused_before_anything_is_sent() -> None:
    async with sending() as (server, outlet):
        with pytest.raises(DeliveryFailed):
            await outlet.deliver(Reply(an_answer(outlet, "0a1b", "On Wednesday.", number="-h evil")))
        assert server.jobs() == []
