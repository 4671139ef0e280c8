-- The shop before the migration: a MariaDB monolith of 31 tables. Its tenants are companies.
-- DATETIME columns hold the local time of Europe/Berlin, except those marked UTC.

-- Shared by all companies

CREATE TABLE countries (
    code char(2) PRIMARY KEY,
    name varchar(80) NOT NULL,
    eu_member tinyint(1) NOT NULL
);

CREATE TABLE currencies (
    code char(3) PRIMARY KEY,
    name varchar(40) NOT NULL,
    minor_units tinyint NOT NULL,
    eur_rate decimal(14,6) NOT NULL
);

CREATE TABLE tax_rates (
    id int AUTO_INCREMENT PRIMARY KEY,
    country_code char(2) NOT NULL REFERENCES countries (code),
    category enum('standard', 'reduced', 'zero') NOT NULL,
    percent decimal(6,3) NOT NULL,
    valid_from date NOT NULL,
    UNIQUE (country_code, category, valid_from)
);

-- Companies and their staff

CREATE TABLE companies (
    id int AUTO_INCREMENT PRIMARY KEY,
    code varchar(20) NOT NULL UNIQUE,
    name varchar(120) NOT NULL,
    vat_id varchar(20) NOT NULL DEFAULT '',
    status char(1) NOT NULL COMMENT 'A active, S suspended, C closed',
    plan enum('basic', 'pro', 'enterprise') NOT NULL,
    currency char(3) NOT NULL REFERENCES currencies (code),
    settings json NOT NULL,
    created_at datetime NOT NULL
);

CREATE TABLE users (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    email varchar(120) NOT NULL UNIQUE,
    first_name varchar(60) NOT NULL,
    last_name varchar(60) NULL,
    password_hash char(60) NOT NULL,
    role enum('owner', 'admin', 'clerk') NOT NULL,
    is_active tinyint(1) NOT NULL,
    last_login datetime NULL COMMENT 'UTC',
    created_at datetime NOT NULL
);

CREATE TABLE user_permissions (
    user_id int NOT NULL REFERENCES users (id),
    permission varchar(40) NOT NULL,
    granted_on date NOT NULL,
    PRIMARY KEY (user_id, permission)
);

-- Customers of the companies

CREATE TABLE customer_groups (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    name varchar(60) NOT NULL,
    discount_percent decimal(5,2) NOT NULL
);

CREATE TABLE customers (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    customer_no varchar(20) NOT NULL,
    group_id int NULL REFERENCES customer_groups (id),
    first_name varchar(60) NOT NULL,
    last_name varchar(60) NULL,
    email varchar(120) NOT NULL DEFAULT '',
    phone varchar(40) NOT NULL DEFAULT '',
    mobile varchar(40) NOT NULL DEFAULT '',
    fax varchar(40) NOT NULL DEFAULT '',
    birthday date NULL,
    newsletter bit(1) NOT NULL,
    credit_limit decimal(12,4) NULL,
    remarks text NULL,
    created_at datetime NOT NULL,
    deleted_at datetime NULL,
    UNIQUE (company_id, customer_no)
);

CREATE TABLE addresses (
    id int AUTO_INCREMENT PRIMARY KEY,
    customer_id int NOT NULL REFERENCES customers (id),
    kind enum('billing', 'shipping') NOT NULL,
    recipient varchar(120) NOT NULL,
    street varchar(120) NOT NULL,
    zip char(10) NOT NULL,
    city varchar(80) NOT NULL,
    country_code char(2) NOT NULL REFERENCES countries (code),
    is_default tinyint(1) NOT NULL
);

-- The catalogue

CREATE TABLE categories (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    parent_id int NULL REFERENCES categories (id),
    name varchar(80) NOT NULL,
    position int NOT NULL,
    visible tinyint(1) NOT NULL
);

CREATE TABLE products (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    sku varchar(40) NOT NULL,
    name varchar(160) NOT NULL,
    description mediumtext NULL,
    price decimal(12,4) NOT NULL,
    cost decimal(12,4) NULL,
    currency char(3) NOT NULL REFERENCES currencies (code),
    tax_category enum('standard', 'reduced', 'zero') NOT NULL,
    weight_g int NULL,
    active tinyint(1) NOT NULL,
    attributes json NULL,
    created_at datetime NOT NULL,
    updated_at timestamp NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp,
    deleted_at datetime NULL,
    UNIQUE (company_id, sku)
);

CREATE TABLE product_categories (
    product_id int NOT NULL REFERENCES products (id),
    category_id int NOT NULL REFERENCES categories (id),
    position smallint NOT NULL,
    PRIMARY KEY (product_id, category_id)
);

CREATE TABLE product_images (
    id int AUTO_INCREMENT PRIMARY KEY,
    product_id int NOT NULL REFERENCES products (id),
    position smallint NOT NULL,
    path varchar(200) NOT NULL,
    alt_text varchar(200) NOT NULL DEFAULT '',
    UNIQUE (product_id, position)
);

CREATE TABLE product_translations (
    product_id int NOT NULL REFERENCES products (id),
    locale char(5) NOT NULL,
    name varchar(160) NOT NULL,
    description mediumtext NULL,
    PRIMARY KEY (product_id, locale)
);

CREATE TABLE price_lists (
    product_id int PRIMARY KEY REFERENCES products (id),
    company_id int NOT NULL REFERENCES companies (id),
    retail decimal(12,4) NOT NULL,
    wholesale decimal(12,4) NULL,
    partner decimal(12,4) NULL
);

-- Stock

CREATE TABLE warehouses (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    code char(6) NOT NULL,
    name varchar(80) NOT NULL,
    country_code char(2) NOT NULL REFERENCES countries (code),
    active tinyint(1) NOT NULL,
    UNIQUE (company_id, code)
);

CREATE TABLE stock (
    warehouse_id int NOT NULL REFERENCES warehouses (id),
    product_id int NOT NULL REFERENCES products (id),
    quantity int NOT NULL,
    reserved int NOT NULL,
    counted_at datetime NULL COMMENT 'UTC',
    PRIMARY KEY (warehouse_id, product_id)
);

CREATE TABLE stock_movements (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    warehouse_id int NOT NULL REFERENCES warehouses (id),
    product_id int NOT NULL REFERENCES products (id),
    delta int NOT NULL,
    reason char(1) NOT NULL COMMENT 'I inbound, O outbound, C correction, R return',
    booked_at datetime NOT NULL
);

-- Orders

CREATE TABLE orders (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    customer_id int NOT NULL REFERENCES customers (id),
    order_no varchar(20) NOT NULL,
    status char(1) NOT NULL COMMENT 'N new, P paid, S shipped, D done, X cancelled',
    currency char(3) NOT NULL REFERENCES currencies (code),
    subtotal decimal(12,4) NOT NULL,
    shipping_cost decimal(12,4) NOT NULL,
    total decimal(12,4) NOT NULL,
    customer_note text NULL,
    placed_at datetime NOT NULL,
    paid_at datetime NULL,
    UNIQUE (company_id, order_no)
);

CREATE TABLE order_items (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    order_id int NOT NULL REFERENCES orders (id),
    line_no smallint NOT NULL,
    product_id int NOT NULL REFERENCES products (id),
    title varchar(160) NOT NULL,
    quantity decimal(10,3) NOT NULL,
    unit_price decimal(12,4) NOT NULL,
    tax_percent decimal(6,3) NOT NULL,
    UNIQUE (order_id, line_no)
);

-- A job moves closed orders of past years here. They keep their ids.

CREATE TABLE archived_orders (
    id int PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    customer_id int NOT NULL REFERENCES customers (id),
    order_no varchar(20) NOT NULL,
    status char(1) NOT NULL,
    currency char(3) NOT NULL REFERENCES currencies (code),
    subtotal decimal(12,4) NOT NULL,
    shipping_cost decimal(12,4) NOT NULL,
    total decimal(12,4) NOT NULL,
    customer_note text NULL,
    placed_at datetime NOT NULL,
    paid_at datetime NULL,
    archived_on date NOT NULL,
    UNIQUE (company_id, order_no)
);

CREATE TABLE archived_order_items (
    id bigint PRIMARY KEY,
    order_id int NOT NULL REFERENCES archived_orders (id),
    line_no smallint NOT NULL,
    product_id int NOT NULL REFERENCES products (id),
    title varchar(160) NOT NULL,
    quantity decimal(10,3) NOT NULL,
    unit_price decimal(12,4) NOT NULL,
    tax_percent decimal(6,3) NOT NULL,
    UNIQUE (order_id, line_no)
);

CREATE TABLE payments (
    id int AUTO_INCREMENT PRIMARY KEY,
    order_id int NOT NULL REFERENCES orders (id),
    reference varchar(40) NOT NULL UNIQUE,
    method enum('card', 'sepa', 'paypal', 'invoice') NOT NULL,
    amount decimal(12,4) NOT NULL,
    captured bit(1) NOT NULL,
    details json NULL,
    booked_at datetime NOT NULL COMMENT 'UTC'
);

CREATE TABLE shipments (
    id int AUTO_INCREMENT PRIMARY KEY,
    order_id int NOT NULL REFERENCES orders (id),
    warehouse_id int NOT NULL REFERENCES warehouses (id),
    carrier varchar(20) NOT NULL,
    tracking_no varchar(40) NOT NULL DEFAULT '',
    weight_kg decimal(8,3) NOT NULL,
    shipped_at datetime NULL COMMENT 'UTC'
);

CREATE TABLE shipment_items (
    shipment_id int NOT NULL REFERENCES shipments (id),
    order_item_id bigint NOT NULL REFERENCES order_items (id),
    quantity decimal(10,3) NOT NULL,
    PRIMARY KEY (shipment_id, order_item_id)
);

CREATE TABLE coupons (
    id int AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    code varchar(30) NOT NULL,
    kind char(1) NOT NULL COMMENT 'P percent, F fixed amount',
    value decimal(10,4) NOT NULL,
    starts_on date NOT NULL,
    ends_on date NULL,
    max_uses int NULL,
    deleted_at datetime NULL,
    UNIQUE (company_id, code)
);

-- Around the shop

CREATE TABLE comments (
    id int AUTO_INCREMENT PRIMARY KEY,
    content_type varchar(20) NOT NULL COMMENT 'product, order or customer',
    object_id int NOT NULL COMMENT 'the id in the table of content_type',
    author varchar(80) NOT NULL,
    rating tinyint NULL,
    body text NOT NULL,
    created_at datetime NOT NULL,
    deleted_at datetime NULL
);

CREATE TABLE audit_log (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    company_id int NOT NULL REFERENCES companies (id),
    user_id int NULL REFERENCES users (id),
    action varchar(40) NOT NULL,
    ip varchar(45) NOT NULL DEFAULT '',
    payload json NOT NULL,
    created_at datetime(6) NOT NULL COMMENT 'UTC'
);

CREATE TABLE sessions (
    token char(40) PRIMARY KEY,
    user_id int NOT NULL REFERENCES users (id),
    data blob NOT NULL,
    expires_at datetime NOT NULL
);
