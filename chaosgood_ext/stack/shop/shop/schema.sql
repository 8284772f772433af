-- Tables and seed. Runs at every start, under a lock, and changes nothing the second time.
-- Stock is a fact of its own so that an order locks one row; it always equals deliveries less orders.

CREATE TABLE IF NOT EXISTS products (
    id          integer PRIMARY KEY,
    name        text    NOT NULL,
    description text    NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents > 0),
    stock       integer NOT NULL DEFAULT 0 CHECK (stock >= 0)
);

CREATE TABLE IF NOT EXISTS orders (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id   integer     NOT NULL REFERENCES products,
    quantity     integer     NOT NULL CHECK (quantity > 0),
    amount_cents integer     NOT NULL,
    customer     text        NOT NULL,
    placed_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS deliveries (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id integer     NOT NULL REFERENCES products,
    quantity   integer     NOT NULL CHECK (quantity > 0),
    arrived_at timestamptz NOT NULL DEFAULT now()
);

WITH seed (id, name, description, price_cents) AS (
    VALUES
        (1, 'Field notebook',   'Dotted paper, sewn binding, survives a pocket and a rainy night shift.',  1250),
        (2, 'Enamel mug',       'Holds 350 ml of whatever keeps you awake at three in the morning.',       1490),
        (3, 'Pager, refurbished', 'Tested, new belt clip. It will find you.',                              4900),
        (4, 'Desk lamp',        'Warm light, long arm, a switch that clicks.',                             6400),
        (5, 'Wool socks',       'Two pairs. Server rooms are colder than they look.',                      1890),
        (6, 'Label maker',      'Because "the other cable" is no name.',                                   3750),
        (7, 'Multitool',        'Pliers, two screwdrivers, one blade, no excuses.',                        4200),
        (8, 'Rubber duck',      'Listens patiently. Has solved more incidents than any dashboard.',         690)
), added AS (
    INSERT INTO products (id, name, description, price_cents, stock)
    SELECT id, name, description, price_cents, 1000 FROM seed
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
INSERT INTO deliveries (product_id, quantity) SELECT id, 1000 FROM added;
