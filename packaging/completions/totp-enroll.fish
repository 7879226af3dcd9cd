# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_totp_enroll_global_optspecs
    string join \n config= json h/help V/version
end

function __fish_totp_enroll_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_totp_enroll_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_totp_enroll_using_subcommand
    set -l cmd (__fish_totp_enroll_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -s V -l version -d 'Print version'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "enroll" -d 'Enrol a user with an authenticator app, on this terminal'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "status" -d 'Show how a user is enrolled; never a secret'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "list" -d 'List who is enrolled'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "recovery-codes" -d 'Replace the recovery codes; the old ones are dead at once'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "disable" -d 'Withdraw a user\'s enrolment'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "unlock" -d 'Forgive wrong codes and lift a lock'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "devices" -d 'List the remembered devices of a user, or forget them'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "reset" -d 'Let somebody back in who lost everything: two operators, a cool-down, a ticket'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "explain" -d 'Say rule by rule what would be asked of a user, and why'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "test" -d 'Say what is the matter with a code; it is charged and used up as at a login, and opens nothing'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "doctor" -d 'Look for what is wrong with this machine\'s set-up, and say what mends it; changes nothing'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "pam-snippet" -d 'Print the lines that have a PAM service ask for a code, made from those that it has; changes nothing'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "keys" -d 'The keys that seal the secrets'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "notify" -d 'Send what people are to be told of changes to their factor, or list it'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "import" -d 'Take over enrolments from another program'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "prune" -d 'Withdraw the enrolments of people who left, and take away what killed programs left behind'
complete -c totp-enroll -n "__fish_totp_enroll_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l ticket-file -d 'Take that ticket from a file, root\'s own, 0600' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l label -d 'What this authenticator is called in the log, 1 to 32 characters' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l issuer -d 'What the app shows beside the account, 1 to 64 characters; this machine\'s name if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l algorithm -d 'The hash; many apps know only SHA1' -r -f -a "SHA1\t''
SHA256\t''
SHA512\t''"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l digits -d 'Digits of a code, 6 to 8' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l period -d 'Seconds that a code lasts, 5 to 300; many apps know only 30' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l list -d 'Enrol everybody in a file, one name a line; - for standard input' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l qr-png -d 'Write the QR code to a new file, readable by root alone; with a list into a directory, as NAME.png' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l qr-svg -d 'The same as SVG' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l code -d 'That code, in place of being asked for it; - for standard input' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l add -d 'Add an authenticator beside those that are there'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l replace -d 'Replace the whole enrolment, recovery codes included'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l yes -d 'As root, do not ask for the account\'s name'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l ticket -d 'Ask for the ticket that a reset left for this account'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l show-uri -d 'Show the otpauth:// URI too'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l batch -d 'Ask nothing and print what was made; the first right code, at the door or with --confirm, confirms it'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l confirm -d 'Confirm an enrolment that is pending with a first code of its authenticator'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand status" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand status" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand status" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand list" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand list" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand list" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand recovery-codes" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand recovery-codes" -l yes -d 'As root, do not ask for the account\'s name'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand recovery-codes" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand recovery-codes" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand disable" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand disable" -l yes -d 'As root, do not ask for the account\'s name'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand disable" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand disable" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand unlock" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand unlock" -l repair -d 'Make a new ledger where it is missing or broken; voids the recovery codes'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand unlock" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand unlock" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand devices" -l revoke -d 'Forget the device of this name' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand devices" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand devices" -l revoke-all -d 'Forget all of them'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand devices" -l yes -d 'As root, do not ask for the account\'s name'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand devices" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand devices" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -f -a "request" -d 'Ask that an enrolment be reset; its owner is told at each login'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -f -a "approve" -d 'Agree to it, as another operator'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -f -a "cancel" -d 'Call it off: the owner with a code, or an operator'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -f -a "complete" -d 'When the cool-down is over, withdraw the enrolment and show a ticket for the next one, once'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -f -a "list" -d 'List the resets that are on their way, and the tickets that were not used'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and not __fish_seen_subcommand_from request approve cancel complete list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from request" -l reason -d 'Why; whoever approves it reads it, and so does the owner' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from request" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from request" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from request" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from approve" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from approve" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from cancel" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from cancel" -l yes -d 'As an operator, do not ask for the account\'s name'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from cancel" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from complete" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from complete" -l end-sessions -d 'End the login sessions of the account, too'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from complete" -l yes -d 'Do not ask for the account\'s name'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from complete" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from complete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from list" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from help" -f -a "request" -d 'Ask that an enrolment be reset; its owner is told at each login'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Agree to it, as another operator'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Call it off: the owner with a code, or an operator'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from help" -f -a "complete" -d 'When the cool-down is over, withdraw the enrolment and show a ticket for the next one, once'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the resets that are on their way, and the tickets that were not used'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l service -d 'The PAM service (the name of its file in /etc/pam.d)' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l rhost -d 'The address that the login comes from; none if left out' -r -f -a "(__fish_print_hostnames)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l key -d 'The fingerprint of the SSH key that came first (SHA256:...); none came if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l fresh -d 'The line in the service file has the argument fresh=DURATION, such as 15m; it has none if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l since-code -d 'A code was accepted in the same login session this long ago, such as 90s; none was if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l security-key -d 'That key is in a FIDO2 security key'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l nullok -d 'The line in the service file has the argument nullok'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l after-first-factor -d 'The line in the service file has the argument after_first_factor'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand test" -l code-fd -d 'Read the code from this open file (0: standard input); asked for if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand test" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand test" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand test" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand doctor" -l service -d 'A PAM service (the name of its file in /etc/pam.d), once for each; those that name the module if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand doctor" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand doctor" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand pam-snippet" -l from -d 'The module whose line ours takes the place of; that which is there if left out' -r -f -a "google-authenticator\t''
oath\t''"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand pam-snippet" -l first -d 'What comes before the code at sshd' -r -f -a "key\t'An SSH key, which sshd checks by itself'
password\t'The password, which PAM asks for'"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand pam-snippet" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand pam-snippet" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand pam-snippet" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "init" -d 'Make this machine\'s keyring; one that is there stays as it is'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "list" -d 'List the keys by id, and how many enrolments each has sealed; never a key'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "rotate" -d 'Make a new key, seal everybody\'s secrets with it, and drop the old one; logins go on meanwhile'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "seal" -d 'Seal the keyring to this machine (systemd-creds); the clear one goes'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "open" -d 'Open the sealed keyring into the runtime directory, as is done when the machine starts'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "unseal" -d 'Put the sealed keyring back in the clear'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "backup" -d 'Write the keyring to a file behind a passphrase, in the format of age'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "restore" -d 'Take the keyring back from such a file'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and not __fish_seen_subcommand_from init list rotate seal open unseal backup restore help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from init" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from init" -l if-missing -d 'Where one is there already, say so and be done'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from init" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from list" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l new-key -d 'Make a new key although an older rotation could not be finished'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from seal" -l with-key -d 'What it is sealed with; if left out, as it was sealed before, else what systemd-creds takes by itself' -r -f -a "auto\t''
host\t''
tpm2\t''
host+tpm2\t''"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from seal" -l tpm2-pcrs -d 'Registers of the TPM whose values of now it is bound to as well, as 7+11; if left out, as before, else none' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from seal" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from seal" -l discard-unopened -d 'Replace a sealed keyring that does not open any more, and whatever keys only it holds'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from seal" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from seal" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from open" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from open" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from unseal" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from unseal" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from unseal" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from backup" -l passphrase-file -d 'Read the passphrase from this file, root\'s own, 0600; asked for if left out' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from backup" -l passphrase-fd -d 'Read the passphrase from this descriptor; asked for if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from backup" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from backup" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from restore" -l passphrase-file -d 'Read the passphrase from this file, root\'s own, 0600; asked for if left out' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from restore" -l passphrase-fd -d 'Read the passphrase from this descriptor; asked for if left out' -r
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from restore" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from restore" -l replace -d 'Replace the keyring that is there, as long as every enrolment that opens now still does'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from restore" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "init" -d 'Make this machine\'s keyring; one that is there stays as it is'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the keys by id, and how many enrolments each has sealed; never a key'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "rotate" -d 'Make a new key, seal everybody\'s secrets with it, and drop the old one; logins go on meanwhile'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "seal" -d 'Seal the keyring to this machine (systemd-creds); the clear one goes'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "open" -d 'Open the sealed keyring into the runtime directory, as is done when the machine starts'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "unseal" -d 'Put the sealed keyring back in the clear'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "backup" -d 'Write the keyring to a file behind a passphrase, in the format of age'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Take the keyring back from such a file'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand notify" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand notify" -l list -d 'List what waits, and send nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand notify" -l now -d 'Send also what was tried a moment ago and is to wait'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand notify" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand notify" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath uri help" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath uri help" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath uri help" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath uri help" -f -a "google-authenticator" -d 'The secret files of google-authenticator-libpam: one user\'s, or those in everybody\'s home'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath uri help" -f -a "oath" -d 'The users file of pam_oath (liboath)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath uri help" -f -a "uri" -d 'otpauth://totp/ URIs, and exports of Google Authenticator (otpauth-migration://), one a line; blank lines and lines that begin with # say nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath uri help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l user -d 'The account that the file is of' -r -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l all-homes -d 'Take ~/.google_authenticator of every account that the account database lists'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l allow-unknown -d 'Take a name that the system does not know, too'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l keep-going -d 'Report files that cannot be taken over and take the others'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l dry-run -d 'Say what would be done, and change nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from oath" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from oath" -l allow-unknown -d 'Take names that the system does not know, too'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from oath" -l keep-going -d 'Report bad lines and take the others'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from oath" -l dry-run -d 'Say what would be done, and change nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from oath" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from oath" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from uri" -l user -d 'The account of the one URI, in place of that in its label' -r -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from uri" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from uri" -l allow-unknown -d 'Take names that the system does not know, too'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from uri" -l keep-going -d 'Report bad lines and take the others'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from uri" -l dry-run -d 'Say what would be done, and change nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from uri" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from uri" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "google-authenticator" -d 'The secret files of google-authenticator-libpam: one user\'s, or those in everybody\'s home'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "oath" -d 'The users file of pam_oath (liboath)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "uri" -d 'otpauth://totp/ URIs, and exports of Google Authenticator (otpauth-migration://), one a line; blank lines and lines that begin with # say nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand prune" -l config -d 'The config, in place of /etc/pam_totp/config.toml' -r -F
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand prune" -l dry-run -d 'Say what would be removed, and change nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand prune" -l yes -d 'Do not ask'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand prune" -l unknown -d 'Remove enrolments of names that the system never knew, too (imported with --allow-unknown)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand prune" -l trust-database -d 'Believe the account database although it may not list everybody right now'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand prune" -l json -d 'Print one JSON document on standard output and ask nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand prune" -s h -l help -d 'Print help'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "enroll" -d 'Enrol a user with an authenticator app, on this terminal'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "status" -d 'Show how a user is enrolled; never a secret'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "list" -d 'List who is enrolled'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "recovery-codes" -d 'Replace the recovery codes; the old ones are dead at once'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "disable" -d 'Withdraw a user\'s enrolment'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "unlock" -d 'Forgive wrong codes and lift a lock'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "devices" -d 'List the remembered devices of a user, or forget them'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "reset" -d 'Let somebody back in who lost everything: two operators, a cool-down, a ticket'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "explain" -d 'Say rule by rule what would be asked of a user, and why'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "test" -d 'Say what is the matter with a code; it is charged and used up as at a login, and opens nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "doctor" -d 'Look for what is wrong with this machine\'s set-up, and say what mends it; changes nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "pam-snippet" -d 'Print the lines that have a PAM service ask for a code, made from those that it has; changes nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "keys" -d 'The keys that seal the secrets'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "notify" -d 'Send what people are to be told of changes to their factor, or list it'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "import" -d 'Take over enrolments from another program'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "prune" -d 'Withdraw the enrolments of people who left, and take away what killed programs left behind'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and not __fish_seen_subcommand_from enroll status list recovery-codes disable unlock devices reset explain test doctor pam-snippet keys notify import prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from reset" -f -a "request" -d 'Ask that an enrolment be reset; its owner is told at each login'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from reset" -f -a "approve" -d 'Agree to it, as another operator'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from reset" -f -a "cancel" -d 'Call it off: the owner with a code, or an operator'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from reset" -f -a "complete" -d 'When the cool-down is over, withdraw the enrolment and show a ticket for the next one, once'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from reset" -f -a "list" -d 'List the resets that are on their way, and the tickets that were not used'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "init" -d 'Make this machine\'s keyring; one that is there stays as it is'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "list" -d 'List the keys by id, and how many enrolments each has sealed; never a key'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "rotate" -d 'Make a new key, seal everybody\'s secrets with it, and drop the old one; logins go on meanwhile'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "seal" -d 'Seal the keyring to this machine (systemd-creds); the clear one goes'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "open" -d 'Open the sealed keyring into the runtime directory, as is done when the machine starts'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "unseal" -d 'Put the sealed keyring back in the clear'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "backup" -d 'Write the keyring to a file behind a passphrase, in the format of age'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "restore" -d 'Take the keyring back from such a file'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "google-authenticator" -d 'The secret files of google-authenticator-libpam: one user\'s, or those in everybody\'s home'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "oath" -d 'The users file of pam_oath (liboath)'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "uri" -d 'otpauth://totp/ URIs, and exports of Google Authenticator (otpauth-migration://), one a line; blank lines and lines that begin with # say nothing'
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand enroll" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand status" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand recovery-codes" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand disable" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand unlock" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand devices" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from request" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from approve" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from cancel" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand reset; and __fish_seen_subcommand_from complete" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand explain" -f -a "(__fish_complete_users)"
complete -c totp-enroll -n "__fish_totp_enroll_using_subcommand test" -f -a "(__fish_complete_users)"
