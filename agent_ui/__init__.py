"""The rooms people work in: inbox, desk, supervisor's board, administration and the JSON API.

A page is a module with `ROUTES` (`visit.get`, `visit.post`; a third argument names the lowest role) whose
handlers take a `Visit` and answer `visit.page("name.html", …)`, `visit.fragment(…)` or `visit.done(path)`.
Its template extends `frame.html`, its sheet and ES module lie in static/, its routes are added in `app.py`
and, if the menu shows it, a `Section` in `sections.py`. A form carries `csrf`; scripts go through `net.js`.
What a template, a module or a script says is marked (`_`, `mark`, `speaker.say`, `gettext`) and translated
in locale/ after `make messages`. An element with `data-src` and `data-on` is read anew when such an event
comes.
"""
