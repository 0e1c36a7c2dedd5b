"""Packages on disk: zip files and folders. What is read is measured as it comes, whatever an archive says of itself."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from paperclip.portability import files
from paperclip.portability.faults import Fault, Findings
from paperclip.portability.shapes import File, Files

MAX_ARCHIVE_BYTES = 32 * 1024 * 1024

_EPOCH = (1980, 1, 1, 0, 0, 0)  # archives of the same files are the same bytes
_PLAIN_FILE = (stat.S_IFREG | 0o644) << 16


def read_zip(file: BinaryIO, findings: Findings) -> dict[str, File]:
    """Return the files of a zip archive; what is wrong with it is noted in `findings`."""
    intake = files.Intake(findings)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > files.MAX_FILES:
                raise Fault("archive", f"has more than {files.MAX_FILES} files")
            for entry in entries:
                with findings.noted():
                    _take(archive, entry, intake)
    except Fault as fault:
        findings.errors.append(str(fault))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, OSError) as error:
        findings.errors.append(f"archive: is no readable zip file ({type(error).__name__})")
    return files.rooted(intake.files)


def write_zip(contents: Files) -> bytes:
    """Return a zip archive of files: the same bytes for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(contents):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = _PLAIN_FILE
            archive.writestr(entry, files.to_bytes(contents[path]))
    return out.getvalue()


def read_folder(root: Path, findings: Findings) -> dict[str, File]:
    """Return the files below a folder. Symbolic links are not followed and noted as errors."""
    intake = files.Intake(findings)
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if files.is_litter(name):
            continue
        with findings.noted():
            if path.is_symlink():
                raise Fault(name, "is a link; links are not followed")
            if path.is_file():
                if path.stat().st_size > files.MAX_FILE_BYTES:
                    raise Fault(name, f"is larger than {files.MAX_FILE_BYTES} bytes")
                intake.add(name, files.of_bytes(name, path.read_bytes()))
    return files.rooted(intake.files)


def write_folder(root: Path, contents: Files) -> None:
    """Write files below a folder, which must be empty or new. Raises OSError, FileExistsError when it is not empty."""
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty")
    for path in sorted(contents):
        place = root / files.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(files.to_bytes(contents[path]))


def _take(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, intake: files.Intake) -> None:
    name = entry.filename
    if entry.flag_bits & 0x1:
        raise Fault(name[:400], "is encrypted")
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise Fault(name[:400], "is a link or no plain file")
    path = files.place(name)
    if files.is_litter(path):
        return
    with archive.open(entry) as packed:
        content = packed.read(max(intake.room, 0) + 1)  # however small the archive says it is
    intake.add(path, files.of_bytes(path, content))
