-- min: 15
-- Views that run with the rights of who asks.
CREATE SCHEMA invoker;
CREATE TABLE invoker.t (a int);
CREATE VIEW invoker.v WITH (security_invoker = true, security_barrier = true) AS SELECT a FROM invoker.t WHERE a > 0
    WITH CASCADED CHECK OPTION;
