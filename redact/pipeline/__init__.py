"""Analysis (footage to tracks) and rendering (tracks to a redacted copy)."""
