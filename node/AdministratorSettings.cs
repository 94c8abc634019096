using System.Text;
using Granary.Core.Access;

namespace Granary.Node;

/// <summary>The first administrator of a new store, as it was configured. A store that has had its first account keeps what it has.</summary>
/// <param name="User">Null: none is configured.</param>
/// <param name="Password">From the environment: a command line is shown to everybody on the machine.</param>
/// <param name="PasswordFile">A file that has the password, and perhaps a line's end after it.</param>
internal sealed record AdministratorSettings(string? User, string? Password, string? PasswordFile)
{
    public static readonly AdministratorSettings None = new(null, null, null);

    /// <summary>Names are short strings in AMQP's SASL responses and in RabbitMQ.</summary>
    private const int LongestName = 255;

    // The record's own would show it.
    public override string ToString() => $"{nameof(AdministratorSettings)} {{ {nameof(User)} = {User} }}";

    /// <summary>Why it cannot be used, and what to do, for the operator; null: nothing is wrong.</summary>
    public string? Refusal()
    {
        var (password, file) = (NullIfEmpty(Password), NullIfEmpty(PasswordFile));
        if (NullIfEmpty(User) is not { } user)
        {
            return (password ?? file) is null ? null : "A password is given, and no user: --default-user, or GRANARY_DEFAULT_USER, is whose it is.";
        }

        if (Encoding.UTF8.GetByteCount(user) > LongestName)
        {
            return $"--default-user: the name is longer than {LongestName} bytes.";
        }

        return (password, file) switch
        {
            (null, null) => $"--default-user {user} needs a password: GRANARY_DEFAULT_PASS, or a file with it by --default-pass-file.",
            (not null, not null) => "GRANARY_DEFAULT_PASS and --default-pass-file both give the password of --default-user: leave one of them out.",
            (null, { } path) => Read(path).Refusal,
            _ => null,
        };
    }

    /// <summary>Null: none is configured. Not to be called when there is a <see cref="Refusal"/>.</summary>
    public Account? ToAccount() => NullIfEmpty(User) is { } user
        ? Account.Administrator(user, NullIfEmpty(PasswordFile) is { } path ? Read(path).Password! : Password!)
        : null;

    private static (string? Password, string? Refusal) Read(string path)
    {
        try
        {
            var password = File.ReadAllText(path).TrimEnd('\r', '\n');
            return password.Length > 0 ? (password, null) : (null, $"--default-pass-file: '{path}' is empty.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return (null, $"--default-pass-file: {exception.Message}");
        }
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
