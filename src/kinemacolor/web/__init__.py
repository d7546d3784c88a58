"""The web server: users upload films and references, change plans, queue jobs and fetch results.

Takes HTTP requests, from the page (`web.page`) or from programs (`rest_api`), and keeps all files in one folder
(`storage`). `service` joins films, plans and jobs; `queue` runs each job as a process of `worker`. How a film is
planned, rendered and measured is the work of `plan`, `render` and `report`, which know nothing of users or HTTP.
"""
