"""The Telegram door: bots of ours that customers write to, and the way answers go back."""
