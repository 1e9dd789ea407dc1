//! aiortc and aioice, and FFmpeg, in virtual environments.
use handclasp_tests::{Lacking, Venv};
use std::path::PathBuf;
use std::sync::OnceLock;

const AIORTC: Venv = Venv {
    directory: "venv",
    packages: &["aiortc~=1.16.0", "aioice~=0.13.0"],
    are_there: "
import aioice, aiortc, sys
versions = aiortc.__version__, aioice.__version__
sys.exit(not all(map(str.startswith, versions, ('1.16.', '0.13.'))))",
};

/// A wheel of it brings FFmpeg, with a WHIP output from version 8 on.
const FFMPEG: Venv = Venv {
    directory: "venv-ffmpeg",
    packages: &["imageio-ffmpeg~=0.8.1"],
    are_there: "
import imageio_ffmpeg, sys
sys.exit(not imageio_ffmpeg.__version__.startswith('0.8.'))",
};

/// The Python that has aiortc and aioice.
pub(crate) fn python() -> Result<PathBuf, Lacking> {
    static PYTHON: OnceLock<Result<PathBuf, Lacking>> = OnceLock::new();
    PYTHON.get_or_init(|| AIORTC.python()).clone()
}

/// FFmpeg's program.
pub(crate) fn ffmpeg() -> Result<String, Lacking> {
    static FOUND: OnceLock<Result<String, Lacking>> = OnceLock::new();
    const PROGRAM: &str = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
    FOUND.get_or_init(|| FFMPEG.ask(PROGRAM)).clone()
}
