-- only: 15
-- Rows in tables that extensions own, types with typmods and without binary I/O, a schema per topology with triggers and
-- domains of the extension's, constraints that call the extension's functions.
CREATE EXTENSION postgis;
CREATE EXTENSION postgis_raster;
CREATE EXTENSION postgis_topology;
CREATE EXTENSION fuzzystrmatch;
CREATE EXTENSION postgis_tiger_geocoder;

INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)
VALUES (990001, 'pgsnap', 1, 'LOCAL_CS["pgsnap"]', '+proj=longlat');

CREATE SCHEMA city;
CREATE TABLE city.places (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at geometry(Point, 4326) NOT NULL,
    area geometry(MultiPolygonZM, 3857),
    route geography(LineString, 4326),
    anything geometry,
    box box2d,
    room box3d,
    made geometry GENERATED ALWAYS AS (public.st_buffer(at, 1)) STORED,
    CHECK (public.st_isvalid(area)));
INSERT INTO city.places (at, area, route, anything, box, room)
SELECT st_setsrid(st_makepoint(i, -i), 4326),
       CASE WHEN i % 2 = 0 THEN st_geomfromewkt('SRID=3857;MULTIPOLYGONZM(((0 0 1 2,0 1 1 2,1 1 1 2,0 0 1 2)))') END,
       st_geogfromtext('LINESTRING(0 0,' || i || ' ' || i || ')'),
       CASE i % 4 WHEN 0 THEN 'GEOMETRYCOLLECTION EMPTY'::geometry WHEN 1 THEN 'CIRCULARSTRING(0 0,1 1,2 0)'::geometry
                  WHEN 2 THEN st_geomfromewkt('SRID=990001;POINTM(1 2 NaN)') END,
       st_makebox2d(st_point(0, 0), st_point(i, i / 3.0)),
       st_3dmakebox(st_makepoint(0, 0, 0), st_makepoint(i, i / 3.0, 1))
  FROM generate_series(1, 50) i;
CREATE INDEX ON city.places USING gist (at);
CREATE INDEX ON city.places USING gist (anything gist_geometry_ops_nd);
CREATE INDEX ON city.places USING spgist (area);
CREATE INDEX ON city.places USING brin (at);
CREATE INDEX ON city.places USING gist (route);
CREATE VIEW city.near AS SELECT a.id, b.id AS other FROM city.places a JOIN city.places b ON a.at && b.at;
CREATE FUNCTION city.distance(a geometry, b geometry) RETURNS float8 LANGUAGE sql AS 'SELECT public.st_distance(a, b)';
CREATE MATERIALIZED VIEW city.hull AS SELECT st_convexhull(st_collect(at)) AS hull FROM city.places;
CREATE TYPE city.shape AS (name text, outline geometry(Polygon, 4326));
CREATE TABLE city.shapes (shape city.shape, several geometry[], dumped geometry_dump);
INSERT INTO city.shapes VALUES (ROW('a', st_setsrid(st_makeenvelope(0, 0, 1, 1), 4326)),
                                ARRAY['POINT(1 1)', NULL, 'POINT EMPTY']::geometry[], ROW('{1,2}', 'POINT(3 4)'));

CREATE TABLE city.pictures (id int PRIMARY KEY, picture raster);
INSERT INTO city.pictures
SELECT i, st_addband(st_makeemptyraster(10, 10, i * 10, 0, 1, -1, 0, 0, 4326), '8BUI'::text, i, 0) FROM generate_series(1, 4) i;
SELECT addrasterconstraints('city'::name, 'pictures'::name, 'picture'::name);
CREATE INDEX ON city.pictures USING gist (st_convexhull(picture));
SELECT st_createoverview('city.pictures', 'picture', 2);

SELECT topology.createtopology('town', 4326, 0.001);
CREATE TABLE city.districts (name text PRIMARY KEY);
SELECT topology.addtopogeometrycolumn('town', 'city', 'districts', 'topo', 'POLYGON');
INSERT INTO city.districts
SELECT 'd' || i, topology.totopogeom(st_setsrid(st_makeenvelope(i, 0, i + 1, 1), 4326), 'town', 1) FROM generate_series(0, 3) i;

INSERT INTO tiger.loader_variables (tiger_year, staging_fold) VALUES ('1999', '/nowhere');
INSERT INTO tiger.geocode_settings (name, setting) VALUES ('pgsnap', 'yes');
UPDATE tiger.geocode_settings_default SET setting = 'true' WHERE name = 'debug_geocode_address';
