"""Every environment variable the workbench reads, declared once.

Modules that read a variable name it through a constant of this module, and the reference page is made from
:data:`VARIABLES`. Variables of the tests are described in ``CONTRIBUTING.md``, not here.
"""

from __future__ import annotations

from dataclasses import dataclass

HOME = "REDACT_HOME"
DATABASE_URL = "REDACT_DATABASE_URL"
USER = "REDACT_USER"
PASSWORD = "REDACT_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE = f"{PASSWORD}_FILE"
NEW_PASSWORD = "REDACT_NEW_PASSWORD"  # noqa: S105
NEW_PASSWORD_FILE = f"{NEW_PASSWORD}_FILE"
ARCHIVE_PASSWORD = "REDACT_ARCHIVE_PASSWORD"  # noqa: S105
ARCHIVE_PASSWORD_FILE = f"{ARCHIVE_PASSWORD}_FILE"
ORGANISATION = "REDACT_ORGANISATION"
DEBUG = "REDACT_DEBUG"
DATA_HOME = "XDG_DATA_HOME"
CACHE_HOME = "XDG_CACHE_HOME"
SVT_LOG = "SVT_LOG"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: what it does, and what happens if it is not set."""

    name: str
    meaning: str
    unset: str


VARIABLES: tuple[Variable, ...] = (
    Variable(
        HOME,
        "The home folder: records, store, keys, and a force's own policies, codes, models and settings.",
        "`redact` in the user's data folder, usually `~/.local/share/redact`.",
    ),
    Variable(
        DATABASE_URL,
        "The database of records: `postgresql://USER:PASSWORD@HOST/NAME` or `sqlite:///FILE`.",
        "`records/records.sqlite3` in the home folder.",
    ),
    Variable(USER, "The login that commands act as, in place of `--as`.", "`--as` is needed."),
    Variable(
        PASSWORD_FILE,
        "A file that holds the password of that login. It takes precedence over `REDACT_PASSWORD`.",
        "See `REDACT_PASSWORD`.",
    ),
    Variable(
        PASSWORD,
        "The password of that login. Other processes of the same user can read it; prefer the file.",
        "The command asks on the terminal, and fails if there is none.",
    ),
    Variable(
        NEW_PASSWORD_FILE,
        "A file that holds the password to set, for `redact user add`, `redact user passwd` and the first account that "
        "`redact serve` creates.",
        "See `REDACT_NEW_PASSWORD`.",
    ),
    Variable(
        NEW_PASSWORD,
        "The password to set, for the same commands.",
        "`redact user passwd` asks on the terminal; otherwise a one-time password is generated and printed.",
    ),
    Variable(
        ARCHIVE_PASSWORD_FILE,
        "A file that holds the password of the archive that `redact release export --zip` writes.",
        "See `REDACT_ARCHIVE_PASSWORD`.",
    ),
    Variable(
        ARCHIVE_PASSWORD,
        "The password of that archive, at least 12 characters.",
        "A password is generated and printed once.",
    ),
    Variable(
        ORGANISATION,
        "The organisation named on disposal certificates and on printed extracts of the audit trail.",
        "No organisation is named, unless `--organisation` is given.",
    ),
    Variable(DEBUG, "`1` prints the traceback of an unexpected error (R999).", "Only the error text is printed."),
    Variable(
        DATA_HOME,
        "The user's data folder (XDG Base Directory Specification). A relative path is ignored.",
        "`~/.local/share`.",
    ),
    Variable(CACHE_HOME, "The user's cache folder, for the settings file that Ultralytics writes.", "`~/.cache`."),
    Variable(SVT_LOG, "How much the AV1 encoder SVT-AV1 prints.", "`1`: errors only."),
)
