using System.Text;
using Granary.Core.Access;

namespace Granary.Node;

/// <summary>The first administrator of a new store, as configured. A store that has had its first account keeps what it has.</summary>
internal sealed class AdministratorSettings
{
    public static readonly AdministratorSettings None = new(null, null, null, [Guest]);

    private const string Guest = "guest";

    /// <summary>Names are short strings in AMQP's SASL responses and in RabbitMQ.</summary>
    private const int LongestName = 255;

    /// <param name="user">Null or empty: none is configured.</param>
    /// <param name="password">From the environment: a command line is shown to everybody on the machine.</param>
    /// <param name="passwordFile">A file that has the password, and perhaps a line's end after it. It is read here, once.</param>
    /// <param name="loopback">Who may log in over loopback only.</param>
    public AdministratorSettings(string? user, string? password, string? passwordFile, string[] loopback)
    {
        IsNamed = !string.IsNullOrEmpty(user);
        var isGiven = !string.IsNullOrEmpty(password);
        var isInFile = !string.IsNullOrEmpty(passwordFile);
        if (string.IsNullOrEmpty(user))
        {
            Refusal = isGiven || isInFile ? "A password is given, and no user: --default-user, or GRANARY_DEFAULT_USER, is whose it is." : null;
            Account = Refusal is null && !loopback.Contains(Guest) ? Account.Administrator(Guest, Guest) : null;
        }
        else if (Encoding.UTF8.GetByteCount(user) > LongestName)
        {
            Refusal = $"--default-user: the name is longer than {LongestName} bytes.";
        }
        else if (isGiven && isInFile)
        {
            Refusal = "GRANARY_DEFAULT_PASS and --default-pass-file both give the password of --default-user: leave one of them out.";
        }
        else if (isGiven)
        {
            Account = Account.Administrator(user, password!);
        }
        else if (isInFile)
        {
            (Account, Refusal) = Read(user, passwordFile!);
        }
        else
        {
            Refusal = $"--default-user {user} needs a password: GRANARY_DEFAULT_PASS, or a file with it by --default-pass-file.";
        }

        if (Account is { } account && loopback.Contains(account.Name))
        {
            Account = account with { IsForLoopback = true };
        }
    }

    /// <summary>Whether a user is named, rather than guest let in from everywhere.</summary>
    public bool IsNamed { get; }

    /// <summary>Null: none is configured, or there is a <see cref="Refusal"/>.</summary>
    public Account? Account { get; }

    /// <summary>Why it cannot be used, and what to do, for the operator; null: nothing is wrong.</summary>
    public string? Refusal { get; }

    private static (Account? Account, string? Refusal) Read(string user, string file)
    {
        try
        {
            var password = File.ReadAllText(file).TrimEnd('\r', '\n');
            return password.Length > 0 ? (Account.Administrator(user, password), null) : (null, $"--default-pass-file: '{file}' is empty.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return (null, $"--default-pass-file: {exception.Message}");
        }
    }
}
