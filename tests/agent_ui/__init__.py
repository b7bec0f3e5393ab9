"""The pages, as browsers and scripts meet them."""
