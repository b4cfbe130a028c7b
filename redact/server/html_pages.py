"""Plain HTML pages outside Gradio, such as sign-in. All text from elsewhere is escaped."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from fastapi.responses import HTMLResponse

THEME = "/static/public/colours.css"


def page(title: str, body: str, *, head: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """A complete page; ``body`` and ``head`` are HTML, ``title`` is text."""
    return HTMLResponse(
        "<!doctype html>\n"
        '<html lang="en-GB"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)} - Redaction workbench</title>'
        f'<link rel="stylesheet" href="{THEME}"><link rel="icon" href="/static/public/icon.svg">{head}</head>'
        f"<body>{body}</body></html>",
        status,
    )


def card(title: str, body: str, *, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """A page with a single centred card."""
    return page(
        title,
        f'<main class="card"><p class="brand">Redaction workbench</p><h1>{escape(title)}</h1>{body}</main>',
        status=status,
    )


def problem(text: str) -> str:
    """An error message, announced by screen readers at once; empty if there is no text."""
    return f'<p class="problem" role="alert" id="problem">{escape(text)}</p>' if text else ""


def field(name: str, label: str, *, kind: str = "text", complete: str = "", hint: str = "", focus: bool = False) -> str:
    """A labelled, required form field."""
    about = f'<span class="hint" id="{name}-hint">{escape(hint)}</span>' if hint else ""
    described = f' aria-describedby="{name}-hint"' if hint else ""
    return (
        f'<label for="{name}">{escape(label)}</label>{about}'
        f'<input id="{name}" name="{name}" type="{kind}" autocomplete="{complete}" required{described}'
        f' spellcheck="false" autocapitalize="none"{" autofocus" if focus else ""}>'
    )


def hidden(name: str, value: str) -> str:
    """A hidden form field."""
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'
