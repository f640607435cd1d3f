//! The HTTP endpoints for operators: `/metrics`, `/healthz`, `/readyz`.
