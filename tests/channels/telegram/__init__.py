"""The Telegram door, tested against a small Bot API that speaks real HTTP."""
