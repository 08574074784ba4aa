# Sourced by the scripts one folder up, at the root of the repository: help, and environments of Python.

# answer_help MODULE "$@": if a word asks for help, prints it and ends; nothing is installed, built or written for that.
# MODULE is a command of Tools/tripstore_tools that knows the options, or empty; else the head comment of the script is the help.
answer_help() {
    local module=$1 word
    shift
    for word; do
        case $word in -h | --help) ;; *) continue ;; esac
        if [ -n "$module" ] && command -v python3 >/dev/null; then
            PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PWD/Tools" exec python3 -m "$module" "$@"
        fi
        sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "scripts/${0##*/}"
        exit 0
    done
}

# make_environment FOLDER REQUIREMENTS NOTE [EXCEPT [COMMAND...]]: an environment of Python with what REQUIREMENTS names and with
# Tools/tripstore_tools. EXCEPT matches lines that are not installed; COMMAND does what else belongs to it. NOTE is said before.
make_environment() {
    local folder=$1 requirements=$2 note=$3 except=${4:-^$}
    shift $(($# < 4 ? $# : 4))
    if ! cmp -s "$requirements" "$folder/requirements.txt"; then
        echo "${0##*/}: installing $requirements into $folder$note"
        python3 -m venv --clear "$folder"
        grep -vE "$except" "$requirements" >"$folder/wanted.txt"
        "$folder/bin/python" -m pip install -q --disable-pip-version-check -r "$folder/wanted.txt" || {
            echo "${0##*/}: pip could not install $requirements (see above)" >&2
            exit 1
        }
        [ $# = 0 ] || "$@"
        # The stamp: copied last, so that an interrupted installation is repeated.
        cp --remove-destination "$requirements" "$folder/requirements.txt"
    fi
    # As `pip install --editable` would, without a build: one path, from site-packages to Tools.
    local packages
    for packages in "$folder"/lib/python3*/site-packages; do
        echo ../../../../Tools >"$packages/tripstore-tools.pth"
    done
}
