"""Web chat: a visitor of a site writes in a small window and sees the answer there."""
