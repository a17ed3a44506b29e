//! COPY streams cut into whole rows.
