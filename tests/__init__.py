"""The claims the product makes, proved against real parts."""
