# shellcheck shell=bash
# Functions of scripts that build: run.sh and test.sh ask whether it is needed at all. State is kept in .build/, outside git.

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# Started by init or cron there may be no HOME, and NuGet's folder is looked for there.
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}

granary_node() { # root
    printf '%s/node/bin/Release/net10.0/Granary.Node.dll' "$1"
}

# One line that changes when a source of the node does: names, sizes and times of its files.
granary_stamp() { # root
    (
        cd "$1" || exit 1
        for part in amqp core silo gateway node protos web global.json .editorconfig Directory.*.props; do
            [ ! -e "$part" ] || find "$part" \( -name bin -o -name obj -o -name node_modules \) -prune -o -type f -printf '%p %s %T@\n'
        done | LC_ALL=C sort
    ) | sha256sum | cut -d' ' -f1
}

# Builds projects, one after the other, for a script that runs them. Tells what went wrong.
granary_build_projects() { # log project...
    local log=$1 project
    shift
    mkdir -p "$(dirname "$log")"
    for project in "$@"; do
        if ! dotnet build "$project" -c Release -nodeReuse:false >"$log" 2>&1; then
            tail -40 "$log" >&2
            return 1
        fi
    done
}

granary_build_node() { # root
    # Two that start at once, as tests do, build once. The build does not inherit the lock: its servers outlive it.
    mkdir -p "$1/.build"
    (flock 9 && granary_build_if_stale "$1") 9>"$1/.build/lock"
}

# The management page is bundled with Node.js. Without it the broker has no page, and works.
granary_install_node_js() { # root
    if { command -v node && command -v npm; } >/dev/null || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return 0
    fi
    echo "Installing Node.js for the management page" >&2
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs npm; } \
        >"$1/.build/apt-node.log" 2>&1 9>&- || echo "It could not be installed: the broker will have no management page." >&2
}

granary_build_if_stale() { # root
    local root=$1 stamp
    stamp=$(granary_stamp "$root")
    if [ -f "$(granary_node "$root")" ] && [ "$(cat "$root/.build/node-stamp" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    granary_install_node_js "$root"
    echo "Building the node" >&2
    if ! dotnet build "$root/node/Granary.Node.csproj" -c Release -nodeReuse:false >"$root/.build/build.log" 2>&1 9>&-; then
        tail -40 "$root/.build/build.log" >&2
        return 1
    fi
    printf '%s\n' "$stamp" >"$root/.build/node-stamp"
}
