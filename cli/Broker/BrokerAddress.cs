using System.Net.Sockets;
using Granary.Cli.Invocation;

namespace Granary.Cli.Broker;

/// <summary>
/// Where the management API of the broker is, and as whom it is asked. On the broker's own machine that is the socket in its data folder, which only its user
/// and root can open, and no password is needed.
/// Elsewhere it is HTTP, with a password that is never an argument: arguments are seen by everybody on a machine.
/// </summary>
/// <param name="Http">The base of the API; its host means nothing with a socket.</param>
/// <param name="Socket">The path of a Unix socket; null for TCP.</param>
/// <param name="User">Null with a socket.</param>
internal sealed record BrokerAddress(Uri Http, string? Socket, string? User, string? Password)
{
    /// <summary>The file in the data folder.</summary>
    public const string SocketName = "control.sock";

    private const int ManagementPort = 15672;

    /// <summary><c>--url</c> and <c>--user</c>, then <c>GRANARY_CTL_URL</c>, <c>_USER</c>, <c>_PASSWORD</c> and <c>_PASSWORD_FILE</c>, then <c>--node</c>, then the machine itself.</summary>
    /// <exception cref="CommandException">A value cannot be used.</exception>
    public static BrokerAddress From(CommandLine line, Func<string, string?> environment)
    {
        var url = line["url"] ?? environment("GRANARY_CTL_URL") ?? UrlOf(line["node"]);
        if (url is null && SocketIn(environment("GRANARY_DATA") ?? "data") is { } socket)
        {
            return new BrokerAddress(new Uri("http://localhost"), socket, null, null);
        }

        if (!Uri.TryCreate(url ?? $"http://127.0.0.1:{ManagementPort}", UriKind.Absolute, out var http) || http.Scheme is not ("http" or "https") || http.UserInfo.Length > 0)
        {
            throw CommandException.NotValid("--url is an address such as https://broker:15672, without a user and a password");
        }

        // Of list_user_limits it is the user whose limits are asked for.
        var user = line.General("user") ?? environment("GRANARY_CTL_USER") ?? "guest";
        return new BrokerAddress(http, null, user, PasswordFrom(environment) ?? (user == "guest" ? "guest" : null));
    }

    private static string? PasswordFrom(Func<string, string?> environment)
    {
        if (environment("GRANARY_CTL_PASSWORD_FILE") is not { } file)
        {
            return environment("GRANARY_CTL_PASSWORD");
        }

        try
        {
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Configuration, $"The file of GRANARY_CTL_PASSWORD_FILE cannot be read: {exception.Message}");
        }
    }

    // rabbit, rabbit@localhost and rabbit@this-machine are here.
    private static string? UrlOf(string? node)
    {
        var at = node?.IndexOf('@', StringComparison.Ordinal) ?? -1;
        var host = at >= 0 ? node![(at + 1)..] : "";
        return host.Length == 0 || host == "localhost" || Environment.MachineName.Split('.')[0].Equals(host.Split('.')[0], StringComparison.OrdinalIgnoreCase)
            ? null
            : $"http://{host}:{ManagementPort}";
    }

    private static string? SocketIn(string folder)
    {
        var path = Path.GetFullPath(Path.Combine(folder, SocketName));
        if (!File.Exists(path))
        {
            return null;
        }

        // A broker that was killed leaves its socket behind.
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return path;
        }
        catch (SocketException)
        {
            // Or it is another user's: then HTTP is asked, which has a password.
            return null;
        }
    }
}
