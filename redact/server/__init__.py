"""The workbench over HTTP: sessions, the gate before every route, and the routes that pages and the reviewer call."""
