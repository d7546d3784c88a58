"""The web server: users upload films and references, change plans, queue jobs and fetch results.

Takes HTTP requests (`rest_api`), from programs and from the page, whose files it serves (`page_files`), and keeps all
files in one folder (`storage`). `service` joins films, plans and jobs; `queue` runs each job as a process of `worker`.
What users sent is opened by processes of `helper` alone: `looking` checks it, `previewing` shows single frames. Who may
come in, and how much of what, is decided in `auth`, before everything. How a film is planned, rendered and measured is
the work of `plan`, `render` and `report`, which know nothing of users or HTTP.
"""
