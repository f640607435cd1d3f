//! Where MTAs connect: a TCP port or a socket in the file system.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};

use super::wire::Stream;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Where MTAs connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A socket in the file system. One that a server has left behind is replaced.
    Unix {
        /// Its path, of at most 107 bytes.
        path: PathBuf,
        /// Who may connect, as by chmod: 0o660 is its owner and its group.
        mode: u32,
    },
}

/// A socket that listens. Where a path was bound, it is removed with it.
pub struct Listener(Kind);

enum Kind {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: Option<SocketFile> },
}

/// A path that was bound here.
struct SocketFile {
    path: PathBuf,
    /// Its file system and its number there: a file of the same path can be another's by the time it is removed.
    id: (u64, u64),
}

impl Listener {
    /// Listens.
    pub async fn bind(listen: &Listen) -> io::Result<Listener> {
        let kind = match listen {
            Listen::Tcp(address) => Kind::Tcp(TcpListener::bind(address).await?),
            Listen::Unix { path, mode } => {
                let (listener, file) = bind_path(path, *mode).await?;
                Kind::Unix { listener, _file: Some(file) }
            }
        };
        Ok(Listener(kind))
    }

    /// Its TCP address, if it has one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Unix { .. } => None,
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match &self.0 {
            Kind::Tcp(listener) => listener.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
            Kind::Unix { listener, .. } => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener(Kind::Tcp(listener))
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Listener {
        Listener(Kind::Unix { listener, _file: None })
    }
}

/// Binds, sets the mode, and only then listens, so that nobody connects whom the mode keeps out.
async fn bind_path(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path).await?;
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile::new(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o777))?;
    Ok((socket.listen(BACKLOG)?, file))
}

/// Removes the socket of a server that is gone. One that answers is another server's, and no other file is touched.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path is there, and is no socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there")),
    }
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { path: path.to_owned(), id: id(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
