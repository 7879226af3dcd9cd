# shellcheck shell=bash
# Completions of totp-enroll for bash, made from the definition of its command line.

_totp_enroll() {
    local cur=$2 prev=$3 command='' value='' i
    # --option=value is three words here.
    if [[ $cur == = ]]; then
        cur=''
        prev=${COMP_WORDS[COMP_CWORD - 1]}
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == = ]]; then continue; fi
        if [[ -n $value ]]; then
            value=''
            continue
        fi
        case "$command ${COMP_WORDS[i]}" in
            ' --config') value=next ;;
            ' enroll') command='enroll' ;;
            ' status') command='status' ;;
            ' list') command='list' ;;
            ' recovery-codes') command='recovery-codes' ;;
            ' disable') command='disable' ;;
            ' unlock') command='unlock' ;;
            ' devices') command='devices' ;;
            ' reset') command='reset' ;;
            ' explain') command='explain' ;;
            ' test') command='test' ;;
            ' doctor') command='doctor' ;;
            ' pam-snippet') command='pam-snippet' ;;
            ' keys') command='keys' ;;
            ' notify') command='notify' ;;
            ' import') command='import' ;;
            ' prune') command='prune' ;;
            'enroll --ticket-file' | 'enroll --label' | 'enroll --issuer' | 'enroll --algorithm' | 'enroll --digits' | 'enroll --period' | 'enroll --list' | 'enroll --qr-png' | 'enroll --qr-svg' | 'enroll --code' | 'enroll --config') value=next ;;
            'status --config') value=next ;;
            'list --config') value=next ;;
            'recovery-codes --config') value=next ;;
            'disable --config') value=next ;;
            'unlock --config') value=next ;;
            'devices --revoke' | 'devices --config') value=next ;;
            'reset --config') value=next ;;
            'reset request') command='reset request' ;;
            'reset approve') command='reset approve' ;;
            'reset cancel') command='reset cancel' ;;
            'reset complete') command='reset complete' ;;
            'reset list') command='reset list' ;;
            'reset request --reason' | 'reset request --config') value=next ;;
            'reset approve --config') value=next ;;
            'reset cancel --config') value=next ;;
            'reset complete --config') value=next ;;
            'reset list --config') value=next ;;
            'explain --service' | 'explain --rhost' | 'explain --key' | 'explain --fresh' | 'explain --since-code' | 'explain --config') value=next ;;
            'test --code-fd' | 'test --config') value=next ;;
            'doctor --service' | 'doctor --config') value=next ;;
            'pam-snippet --from' | 'pam-snippet --first' | 'pam-snippet --config') value=next ;;
            'keys --config') value=next ;;
            'keys init') command='keys init' ;;
            'keys list') command='keys list' ;;
            'keys rotate') command='keys rotate' ;;
            'keys seal') command='keys seal' ;;
            'keys open') command='keys open' ;;
            'keys unseal') command='keys unseal' ;;
            'keys backup') command='keys backup' ;;
            'keys restore') command='keys restore' ;;
            'keys init --config') value=next ;;
            'keys list --config') value=next ;;
            'keys rotate --config') value=next ;;
            'keys seal --with-key' | 'keys seal --tpm2-pcrs' | 'keys seal --config') value=next ;;
            'keys open --config') value=next ;;
            'keys unseal --config') value=next ;;
            'keys backup --passphrase-file' | 'keys backup --passphrase-fd' | 'keys backup --config') value=next ;;
            'keys restore --passphrase-file' | 'keys restore --passphrase-fd' | 'keys restore --config') value=next ;;
            'notify --config') value=next ;;
            'import --config') value=next ;;
            'import google-authenticator') command='import google-authenticator' ;;
            'import oath') command='import oath' ;;
            'import uri') command='import uri' ;;
            'import google-authenticator --user' | 'import google-authenticator --config') value=next ;;
            'import oath --config') value=next ;;
            'import uri --user' | 'import uri --config') value=next ;;
            'prune --config') value=next ;;
        esac
    done
    case "$command $prev" in
        ' --config') _totp_enroll_files "$cur"; return ;;
        'enroll --ticket-file') _totp_enroll_files "$cur"; return ;;
        'enroll --label') return ;;
        'enroll --issuer') return ;;
        'enroll --algorithm') _totp_enroll_words 'SHA1 SHA256 SHA512' "$cur"; return ;;
        'enroll --digits') return ;;
        'enroll --period') return ;;
        'enroll --list') _totp_enroll_files "$cur"; return ;;
        'enroll --qr-png') _totp_enroll_files "$cur"; return ;;
        'enroll --qr-svg') _totp_enroll_files "$cur"; return ;;
        'enroll --code') return ;;
        'enroll --config') _totp_enroll_files "$cur"; return ;;
        'status --config') _totp_enroll_files "$cur"; return ;;
        'list --config') _totp_enroll_files "$cur"; return ;;
        'recovery-codes --config') _totp_enroll_files "$cur"; return ;;
        'disable --config') _totp_enroll_files "$cur"; return ;;
        'unlock --config') _totp_enroll_files "$cur"; return ;;
        'devices --revoke') return ;;
        'devices --config') _totp_enroll_files "$cur"; return ;;
        'reset --config') _totp_enroll_files "$cur"; return ;;
        'reset request --reason') return ;;
        'reset request --config') _totp_enroll_files "$cur"; return ;;
        'reset approve --config') _totp_enroll_files "$cur"; return ;;
        'reset cancel --config') _totp_enroll_files "$cur"; return ;;
        'reset complete --config') _totp_enroll_files "$cur"; return ;;
        'reset list --config') _totp_enroll_files "$cur"; return ;;
        'explain --service') return ;;
        'explain --rhost') return ;;
        'explain --key') return ;;
        'explain --fresh') return ;;
        'explain --since-code') return ;;
        'explain --config') _totp_enroll_files "$cur"; return ;;
        'test --code-fd') return ;;
        'test --config') _totp_enroll_files "$cur"; return ;;
        'doctor --service') return ;;
        'doctor --config') _totp_enroll_files "$cur"; return ;;
        'pam-snippet --from') _totp_enroll_words 'google-authenticator oath' "$cur"; return ;;
        'pam-snippet --first') _totp_enroll_words 'key password' "$cur"; return ;;
        'pam-snippet --config') _totp_enroll_files "$cur"; return ;;
        'keys --config') _totp_enroll_files "$cur"; return ;;
        'keys init --config') _totp_enroll_files "$cur"; return ;;
        'keys list --config') _totp_enroll_files "$cur"; return ;;
        'keys rotate --config') _totp_enroll_files "$cur"; return ;;
        'keys seal --with-key') _totp_enroll_words 'auto host tpm2 host+tpm2' "$cur"; return ;;
        'keys seal --tpm2-pcrs') return ;;
        'keys seal --config') _totp_enroll_files "$cur"; return ;;
        'keys open --config') _totp_enroll_files "$cur"; return ;;
        'keys unseal --config') _totp_enroll_files "$cur"; return ;;
        'keys backup --passphrase-file') _totp_enroll_files "$cur"; return ;;
        'keys backup --passphrase-fd') return ;;
        'keys backup --config') _totp_enroll_files "$cur"; return ;;
        'keys restore --passphrase-file') _totp_enroll_files "$cur"; return ;;
        'keys restore --passphrase-fd') return ;;
        'keys restore --config') _totp_enroll_files "$cur"; return ;;
        'notify --config') _totp_enroll_files "$cur"; return ;;
        'import --config') _totp_enroll_files "$cur"; return ;;
        'import google-authenticator --user') _totp_enroll_users "$cur"; return ;;
        'import google-authenticator --config') _totp_enroll_files "$cur"; return ;;
        'import oath --config') _totp_enroll_files "$cur"; return ;;
        'import uri --user') _totp_enroll_users "$cur"; return ;;
        'import uri --config') _totp_enroll_files "$cur"; return ;;
        'prune --config') _totp_enroll_files "$cur"; return ;;
    esac
    if [[ $cur == -* ]]; then
        case "$command" in
            '') _totp_enroll_words '--config --json --help --version' "$cur" ;;
            'enroll') _totp_enroll_words '--add --replace --yes --ticket --ticket-file --label --issuer --algorithm --digits --period --show-uri --batch --list --qr-png --qr-svg --confirm --code --config --json --help' "$cur" ;;
            'status') _totp_enroll_words '--config --json --help' "$cur" ;;
            'list') _totp_enroll_words '--config --json --help' "$cur" ;;
            'recovery-codes') _totp_enroll_words '--yes --config --json --help' "$cur" ;;
            'disable') _totp_enroll_words '--yes --config --json --help' "$cur" ;;
            'unlock') _totp_enroll_words '--repair --config --json --help' "$cur" ;;
            'devices') _totp_enroll_words '--revoke --revoke-all --yes --config --json --help' "$cur" ;;
            'reset') _totp_enroll_words '--config --json --help' "$cur" ;;
            'reset request') _totp_enroll_words '--reason --config --json --help' "$cur" ;;
            'reset approve') _totp_enroll_words '--config --json --help' "$cur" ;;
            'reset cancel') _totp_enroll_words '--yes --config --json --help' "$cur" ;;
            'reset complete') _totp_enroll_words '--end-sessions --yes --config --json --help' "$cur" ;;
            'reset list') _totp_enroll_words '--config --json --help' "$cur" ;;
            'explain') _totp_enroll_words '--service --rhost --key --security-key --nullok --after-first-factor --fresh --since-code --config --json --help' "$cur" ;;
            'test') _totp_enroll_words '--code-fd --config --json --help' "$cur" ;;
            'doctor') _totp_enroll_words '--service --config --json --help' "$cur" ;;
            'pam-snippet') _totp_enroll_words '--from --first --config --json --help' "$cur" ;;
            'keys') _totp_enroll_words '--config --json --help' "$cur" ;;
            'keys init') _totp_enroll_words '--if-missing --config --json --help' "$cur" ;;
            'keys list') _totp_enroll_words '--config --json --help' "$cur" ;;
            'keys rotate') _totp_enroll_words '--new-key --config --json --help' "$cur" ;;
            'keys seal') _totp_enroll_words '--with-key --tpm2-pcrs --discard-unopened --config --json --help' "$cur" ;;
            'keys open') _totp_enroll_words '--config --json --help' "$cur" ;;
            'keys unseal') _totp_enroll_words '--config --json --help' "$cur" ;;
            'keys backup') _totp_enroll_words '--passphrase-file --passphrase-fd --config --json --help' "$cur" ;;
            'keys restore') _totp_enroll_words '--passphrase-file --passphrase-fd --replace --config --json --help' "$cur" ;;
            'notify') _totp_enroll_words '--list --now --config --json --help' "$cur" ;;
            'import') _totp_enroll_words '--config --json --help' "$cur" ;;
            'import google-authenticator') _totp_enroll_words '--user --all-homes --allow-unknown --keep-going --dry-run --config --json --help' "$cur" ;;
            'import oath') _totp_enroll_words '--allow-unknown --keep-going --dry-run --config --json --help' "$cur" ;;
            'import uri') _totp_enroll_words '--allow-unknown --keep-going --dry-run --user --config --json --help' "$cur" ;;
            'prune') _totp_enroll_words '--dry-run --yes --unknown --trust-database --config --json --help' "$cur" ;;
        esac
        return
    fi
    case "$command" in
        '') _totp_enroll_words 'enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune' "$cur" ;;
        'enroll') _totp_enroll_users "$cur" ;;
        'status') _totp_enroll_users "$cur" ;;
        'recovery-codes') _totp_enroll_users "$cur" ;;
        'disable') _totp_enroll_users "$cur" ;;
        'unlock') _totp_enroll_users "$cur" ;;
        'devices') _totp_enroll_users "$cur" ;;
        'reset') _totp_enroll_words 'request approve cancel complete list' "$cur" ;;
        'reset request') _totp_enroll_users "$cur" ;;
        'reset approve') _totp_enroll_users "$cur" ;;
        'reset cancel') _totp_enroll_users "$cur" ;;
        'reset complete') _totp_enroll_users "$cur" ;;
        'explain') _totp_enroll_users "$cur" ;;
        'test') _totp_enroll_users "$cur" ;;
        'pam-snippet') ;;
        'keys') _totp_enroll_words 'init list rotate seal open unseal backup restore' "$cur" ;;
        'keys backup') _totp_enroll_files "$cur" ;;
        'keys restore') _totp_enroll_files "$cur" ;;
        'import') _totp_enroll_words 'google-authenticator oath uri' "$cur" ;;
        'import google-authenticator') _totp_enroll_files "$cur" ;;
        'import oath') _totp_enroll_files "$cur" ;;
        'import uri') _totp_enroll_files "$cur" ;;
    esac
}

_totp_enroll_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_totp_enroll_users() {
    mapfile -t COMPREPLY < <(compgen -u -- "$1")
}

_totp_enroll_files() {
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

complete -F _totp_enroll totp-enroll
