"""The Gradio theme, in the colours of the plain HTML pages."""

from __future__ import annotations

import re
from pathlib import Path

import gradio as gr

STATIC = Path(__file__).parent / "static"
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"]
_SHARED = STATIC / "public" / "colours.css"
_SET = {
    "body_background_fill": "ground",
    "body_text_color": "text",
    "body_text_color_subdued": "quiet",
    "background_fill_primary": "surface",
    "background_fill_secondary": "ground",
    "border_color_primary": "faint",
    "border_color_accent": "accent",
    "color_accent_soft": "faint",
    "link_text_color": "accent",
    "link_text_color_hover": "accent-strong",
    "link_text_color_active": "accent",
    "link_text_color_visited": "accent",
    "block_background_fill": "surface",
    "block_border_color": "faint",
    "block_title_text_color": "text",
    "block_label_background_fill": "surface",
    "block_label_text_color": "text",
    "block_info_text_color": "quiet",
    "input_background_fill": "surface",
    "input_background_fill_focus": "surface",
    "input_border_color": "line",
    "input_border_color_focus": "focus",
    "input_placeholder_color": "quiet",
    "checkbox_background_color": "surface",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "line",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "surface",
    "checkbox_label_background_fill_hover": "ground",
    "checkbox_label_background_fill_selected": "ground",
    "checkbox_label_border_color": "line",
    "checkbox_label_text_color": "text",
    "checkbox_label_text_color_selected": "text",
    "panel_background_fill": "surface",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent-strong",
    "button_primary_border_color": "accent",
    "button_primary_text_color": "on-accent",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "ground",
    "button_secondary_border_color": "line",
    "button_secondary_text_color": "accent",
    "button_cancel_background_fill": "surface",
    "button_cancel_background_fill_hover": "problem-ground",
    "button_cancel_border_color": "problem",
    "button_cancel_text_color": "problem",
    "button_cancel_text_color_hover": "problem",
}
"""Gradio theme variables and our colour names for them."""


def colours() -> tuple[dict[str, str], dict[str, str]]:
    """Light and dark colours by name, read from the shared style sheet."""
    light, dark = re.findall(r":root \{(.*?)\}", _SHARED.read_text(encoding="utf-8"), re.DOTALL)[:2]
    return _named(light), _named(dark)


def _named(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


def theme() -> gr.themes.Base:
    """The theme for ``mount_gradio_app``. It uses system fonts: nothing is downloaded."""
    light, dark = colours()
    both = {name: light[ours] for name, ours in _SET.items()}
    both |= {f"{name}_dark": dark[ours] for name, ours in _SET.items()}
    return gr.themes.Base(font=FONT, font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"]).set(
        color_accent="var(--accent)",
        **both,
        button_large_padding="10px 16px",
        checkbox_border_width="1px",
        input_border_width="1px",
    )


def head() -> str:
    """HTML for the ``<head>`` of every page: style sheet, colours, connection error messages, and fixes that Gradio
    needs for keyboards and screen readers."""
    light, dark = ("".join(f"--{name}:{value};" for name, value in set_.items()) for set_ in colours())
    return (
        f"<style>:root{{{light}}}.dark{{{dark}}}</style>"
        '<link rel="stylesheet" href="/static/pages.css"><link rel="icon" href="/static/public/icon.svg">'
        '<script src="/static/pages/connection.js"></script>'
        '<script type="module" src="/static/pages/accessibility.js"></script>'
    )
