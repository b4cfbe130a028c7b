"""The workbench over HTTP: sessions, the access gate before every route, and the routes of pages and reviewer."""
