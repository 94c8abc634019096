# shellcheck shell=bash
# Functions of run.sh and test.sh: which packages to build with, and whether a build is needed at all.
# State is kept in .build/, outside git.

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# Started by init or cron there may be no HOME, and NuGet's folder is looked for there.
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}

# The value a property has in Directory.Build.props.
granary_version() { # root property
    local named=${!2:-}
    if [ -z "$named" ]; then
        named=$(sed -n "s:.*<$2 Condition[^>]*>\(.*\)</$2>.*:\1:p" "$1/Directory.Build.props" | head -1)
    fi
    printf '%s' "$named"
}

# What Directory.Build.props compares the marker with: it trusts a folder of packages only for these versions.
granary_marker() { # root
    printf 'orleans %s grpc %s in %s' "$(granary_version "$1" OrleansVersion)" "$(granary_version "$1" GrpcVersion)" \
        "${NUGET_PACKAGES:-$HOME/.nuget/packages}"
}

# One try per set of versions to get the real packages, 20 seconds at the most; a failed try is remembered as well.
granary_choose_packages() { # root
    local root=$1 wanted project
    wanted=$(granary_marker "$root")
    mkdir -p "$root/.build"
    if [ "$(cat "$root/.build/real-packages" 2>/dev/null)" = "$wanted" ] ||
        [ "$(cat "$root/.build/no-real-packages" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    project="$root/node/Granary.Node.csproj"
    echo "Looking for the packages of Orleans and gRPC (once, 20 s at the most)" >&2
    if timeout -k 1 20 dotnet restore "$project" -p:UseStandIns=false -nodeReuse:false >"$root/.build/restore.log" 2>&1; then
        printf '%s\n' "$wanted" >"$root/.build/real-packages"
        rm -f "$root/.build/no-real-packages"
    else
        echo "Not found here; building with standins/ (see standins/README.md and .build/restore.log)" >&2
        printf '%s\n' "$wanted" >"$root/.build/no-real-packages"
        rm -f "$root/.build/real-packages"
    fi
}

# standins or real: the folder under obj/ and bin/.
granary_flavor() { # root
    case "${UseStandIns:-}" in
        true) echo standins ;;
        false) echo real ;;
        *) if [ "$(cat "$1/.build/real-packages" 2>/dev/null)" = "$(granary_marker "$1")" ]; then echo real; else echo standins; fi ;;
    esac
}

granary_node() { # root
    printf '%s/node/bin/%s/Release/net10.0/Granary.Node.dll' "$1" "$(granary_flavor "$1")"
}

# One line that changes when a source of the node does: names, sizes and times of its files, and the flavor.
granary_stamp() { # root
    (
        cd "$1" || exit 1
        granary_flavor "$1"
        for part in amqp core silo gateway node standins protos global.json .editorconfig Directory.*.props Directory.*.targets; do
            [ ! -e "$part" ] || find "$part" \( -name bin -o -name obj \) -prune -o -type f -printf '%p %s %T@\n'
        done | LC_ALL=C sort
    ) | sha256sum | cut -d' ' -f1
}

granary_build_node() { # root
    local root=$1 stamp
    granary_choose_packages "$root"
    stamp=$(granary_stamp "$root")
    if [ -f "$(granary_node "$root")" ] && [ "$(cat "$root/.build/node-stamp" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    echo "Building the node" >&2
    if ! dotnet build "$root/node/Granary.Node.csproj" -c Release -nodeReuse:false >"$root/.build/build.log" 2>&1; then
        tail -40 "$root/.build/build.log" >&2
        return 1
    fi
    printf '%s\n' "$stamp" >"$root/.build/node-stamp"
}
