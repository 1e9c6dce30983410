//! The seeded database: `SQLite`, embedded, in memory unless it is told a path.
//!
//! The content is made by SQL from the row numbers alone: every start gives the same rows.

use std::{
    collections::BTreeMap,
    error::Error,
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tokio::{
    sync::oneshot,
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// How many items there are, numbered from 1.
pub(crate) const ITEMS: u64 = 10_000;
/// How many users there are, numbered from 1.
const USERS: u64 = 1_000;
/// How many items make a page.
pub(crate) const PAGE: u64 = 20;
/// How many pages that gives; the seed fills the last one.
pub(crate) const PAGES: u64 = ITEMS / PAGE;

/// How many connections the pool has.
const CONNECTIONS: u32 = 4;
/// A request that gets no connection in this time fails: who waits longer is gone by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Stands in the `user_version` of a database that has been seeded.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE users (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, team TEXT NOT NULL
    ) STRICT;
    CREATE TABLE items (
        id INTEGER PRIMARY KEY, title TEXT NOT NULL, value INTEGER NOT NULL,
        owner INTEGER NOT NULL REFERENCES users (id), updated_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX items_by_value ON items (value DESC, id);
    PRAGMA user_version = 1;
";

const SEED_USERS: &str = r#"
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO users SELECT
        i,
        json_extract('["Ada","Bela","Cleo","Dov","Esi","Finn","Gro","Hana"]', '$[' || (i % 8) || ']') || ' ' ||
        json_extract('["Abara","Brandt","Costa","Dahl","Endo","Fox","Grau"]', '$[' || (i % 7) || ']'),
        'user' || i || '@example.test',
        json_extract('["north","east","south","west"]', '$[' || (i % 4) || ']')
    FROM n
"#;

const SEED_ITEMS: &str = r#"
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO items SELECT
        i,
        json_extract('["Amber","Blue","Coral","Dun","Ecru","Fawn","Green"]', '$[' || (i % 7) || ']') || ' ' ||
        json_extract('["anchor","bell","crate","drum","engine"]', '$[' || (i % 5) || ']') || ' ' || i,
        i * 7919 % 10007,
        1 + i % ?,
        strftime('%Y-%m-%dT%H:%M:%SZ', 1735689600 + i * 61, 'unixepoch')
    FROM n
"#;

/// One row of the items.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Item {
    id: i64,
    title: String,
    value: i64,
    owner: i64,
    updated_at: String,
}

type ItemRow = (i64, String, i64, i64, String);

impl From<ItemRow> for Item {
    fn from((id, title, value, owner, updated_at): ItemRow) -> Self {
        Self { id, title, value, owner, updated_at }
    }
}

/// One row of the users.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct User {
    id: i64,
    name: String,
    email: String,
    team: String,
}

/// Connections of the pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolUse {
    pub(crate) active: u32,
    pub(crate) idle: u32,
    pub(crate) most: u32,
}

/// The pooled database and its questions.
#[derive(Debug)]
pub(crate) struct Database {
    pool: SqlitePool,
    /// Used by nobody. A database in memory lives as long as its last connection, and the pool closes those whose request was
    /// dropped while it took one, because its client went away.
    _keeper: Mutex<SqliteConnection>,
    /// Holds all connections of the pool, on order.
    holder: Mutex<Option<AbortHandle>>,
}

impl Database {
    /// Opens the database, and seeds it where that has not been done.
    pub(crate) async fn open(url: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        // Any other text would be taken for the name of a file.
        if !url.starts_with("sqlite:") {
            return Err("it must be written sqlite:path or sqlite::memory:".into());
        }
        let options = SqliteConnectOptions::from_str(url)?.create_if_missing(true);
        let keeper = options.connect().await?;
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await?;
        seed(&pool).await?;
        Ok(Self { pool, _keeper: Mutex::new(keeper), holder: Mutex::default() })
    }

    /// How its pool is used now.
    pub(crate) fn pool(&self) -> PoolUse {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        PoolUse { active: self.pool.size().saturating_sub(idle), idle, most: CONNECTIONS }
    }

    /// Takes all connections and keeps them for so long: whoever asks meanwhile waits in vain. Again: instead of before.
    /// Returns when they are taken; who does not wait for that has ordered it all the same.
    pub(crate) async fn hold(&self, time: Duration) {
        let until = Instant::now() + time;
        let pool = self.pool.clone();
        let (taken, all_taken) = oneshot::channel::<()>();
        {
            let mut holder = self.holder();
            if let Some(before) = holder.take() {
                before.abort();
            }
            let task = tokio::spawn(async move {
                let mut held = Vec::new();
                while held.len() < CONNECTIONS as usize && Instant::now() < until {
                    // One that cannot be had in time may be had later.
                    held.extend(pool.acquire().await);
                }
                drop(taken);
                sleep_until(until).await;
                drop(held);
            });
            *holder = Some(task.abort_handle());
        }
        // The other end is only ever dropped.
        drop(all_taken.await);
    }

    fn holder(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn item(&self, id: i64) -> sqlx::Result<Option<Item>> {
        let query = sqlx::query_as("SELECT id, title, value, owner, updated_at FROM items WHERE id = ?");
        Ok(query.bind(id).fetch_optional(&self.pool).await?.map(|row: ItemRow| row.into()))
    }

    /// Many items by their numbers with one statement, by key.
    pub(crate) async fn items(&self, ids: &[i64]) -> sqlx::Result<BTreeMap<String, Item>> {
        // The list goes in as one JSON text: the statement is the same for any number of keys.
        let ids = serde_json::Value::from(ids).to_string();
        let rows: Vec<ItemRow> = sqlx::query_as(
            "SELECT id, title, value, owner, updated_at FROM items WHERE id IN (SELECT value FROM json_each(?))",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.0.to_string(), row.into())).collect())
    }

    /// A page of items, from page 1.
    pub(crate) async fn page(&self, page: u64) -> sqlx::Result<Vec<Item>> {
        let first = i64::try_from(page.saturating_sub(1).saturating_mul(PAGE)).unwrap_or(i64::MAX);
        let rows: Vec<ItemRow> = sqlx::query_as(
            "SELECT id, title, value, owner, updated_at FROM items WHERE id > ? ORDER BY id LIMIT ?",
        )
        .bind(first)
        .bind(PAGE.cast_signed())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Item::from).collect())
    }

    /// The items of the highest value.
    pub(crate) async fn best(&self, count: i64) -> sqlx::Result<Vec<Item>> {
        let rows: Vec<ItemRow> = sqlx::query_as(
            "SELECT id, title, value, owner, updated_at FROM items ORDER BY value DESC, id LIMIT ?",
        )
        .bind(count)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Item::from).collect())
    }

    pub(crate) async fn user(&self, id: i64) -> sqlx::Result<Option<User>> {
        let query = sqlx::query_as("SELECT id, name, email, team FROM users WHERE id = ?");
        let row: Option<(i64, String, String, String)> = query.bind(id).fetch_optional(&self.pool).await?;
        Ok(row.map(|(id, name, email, team)| User { id, name, email, team }))
    }
}

/// Makes tables and rows in one transaction: a database is seeded or it is not.
async fn seed(pool: &SqlitePool) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    match version {
        0 => {
            sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
            let (items, users) = (ITEMS.cast_signed(), USERS.cast_signed());
            sqlx::query(SEED_USERS).bind(users).execute(&mut *transaction).await?;
            sqlx::query(SEED_ITEMS).bind(items).bind(users).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(())
        }
        SCHEMA_VERSION => Ok(()),
        other => Err(format!("its user_version is {other}, known are 0 (empty) and {SCHEMA_VERSION}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_seed_is_complete_and_the_same_each_time() {
        let (one, two) = (
            Database::open("sqlite::memory:").await.unwrap(),
            Database::open("sqlite::memory:").await.unwrap(),
        );
        for page in [1, 2, PAGES] {
            let items = one.page(page).await.unwrap();
            assert_eq!(items.len() as u64, PAGE);
            assert_eq!(items, two.page(page).await.unwrap());
        }
        assert_eq!(one.page(PAGES + 1).await.unwrap(), []);
        assert!(one.item(ITEMS.cast_signed()).await.unwrap().is_some());
        assert!(one.item(ITEMS.cast_signed() + 1).await.unwrap().is_none());
        assert!(one.user(USERS.cast_signed()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn an_order_to_hold_the_connections_is_obeyed_also_when_whoever_gave_it_has_gone() {
        let database = Database::open("sqlite::memory:").await.unwrap();
        tokio::select! {
            biased;
            () = database.hold(Duration::from_hours(1)) => {}
            () = std::future::ready(()) => {}
        }
        // The last of them may be taken a moment later.
        let taken = async { while !matches!(database.item(1).await, Err(sqlx::Error::PoolTimedOut)) {} };
        tokio::time::timeout(Duration::from_mins(1), taken).await.unwrap();
        database.hold(Duration::ZERO).await;
        assert!(database.item(1).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_file_is_kept_and_seeded_once() {
        let path = std::env::temp_dir().join(format!("sixlane-server-test-{}.sqlite", std::process::id()));
        let url = format!("sqlite:{}", path.display());
        for _ in 0..2 {
            let database = Database::open(&url).await.unwrap();
            assert!(database.item(1).await.unwrap().is_some());
            database.pool.close().await;
        }
        std::fs::remove_file(path).unwrap();
    }
}
