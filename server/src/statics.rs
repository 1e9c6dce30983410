//! Static folders: the site at `/`, and others at their prefixes.

use std::{path::PathBuf, str::FromStr};

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware::map_response,
    response::Response,
};
use tower_http::services::ServeDir;

use crate::StartError;

/// A folder that is served at a prefix, written `/prefix=DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    prefix: String,
    folder: PathBuf,
}

impl FromStr for Mount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (prefix, folder) = text.split_once('=').ok_or("a mount is written /prefix=DIR")?;
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
        };
        if !prefix.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain)) {
            return Err(format!(
                "the prefix must be like /name or /name/name, of letters, digits and ._~-, got {prefix:?}"
            ));
        }
        if matches!(prefix.split('/').nth(1), Some("api" | "control")) {
            return Err(format!("the prefix {prefix} belongs to the server's own routes"));
        }
        if folder.is_empty() {
            return Err(format!("the folder of {prefix} must not be empty"));
        }
        Ok(Self { prefix: prefix.to_owned(), folder: folder.into() })
    }
}

/// Adds the folders to the router.
pub(crate) fn add(
    mut router: Router,
    site: Option<&PathBuf>,
    mounts: &[Mount],
) -> Result<Router, StartError> {
    let mut taken: Vec<&str> = Vec::new();
    for Mount { prefix, folder } in mounts {
        if taken.contains(&prefix.as_str()) {
            return Err(StartError::PrefixTwice(prefix.clone()));
        }
        taken.push(prefix);
        router = router.nest_service(prefix, serve(folder)?);
    }
    Ok(match site {
        Some(folder) => router.fallback_service(serve(folder)?),
        None => router,
    })
}

fn serve(folder: &PathBuf) -> Result<Router, StartError> {
    if !folder.is_dir() {
        return Err(StartError::NoFolder(folder.clone()));
    }
    Ok(Router::new().fallback_service(ServeDir::new(folder)).layer(map_response(fresh_and_typed)))
}

async fn fresh_and_typed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // A browser is to ask again each time: a build may have changed any file.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // One type for all scripts: `.mjs` comes with the older name of it.
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/javascript") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_a_prefix_and_a_folder() {
        let mount: Mount = "/js/dist=out=1".parse().unwrap();
        assert_eq!(mount, Mount { prefix: "/js/dist".to_owned(), folder: "out=1".into() });
    }

    #[test]
    fn prefixes_that_cannot_be_served_are_refused() {
        for wrong in
            ["/js", "js=out", "/=out", "/js/=out", "//js=out", "/{js}=out", "/a/../b=out", "/js=", "=out"]
        {
            assert!(wrong.parse::<Mount>().is_err(), "{wrong}");
        }
        assert!("/api/x=out".parse::<Mount>().unwrap_err().contains("own routes"));
        assert!("/control=out".parse::<Mount>().unwrap_err().contains("own routes"));
        assert!("/apis=out".parse::<Mount>().is_ok());
    }
}
