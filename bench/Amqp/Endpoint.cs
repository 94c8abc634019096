namespace Granary.Bench.Amqp;

/// <summary>Where the broker is, and who connects.</summary>
internal sealed record Endpoint(string Host, int Port, string User, string Password, string VirtualHost)
{
    public const int DefaultPort = 5672;
    public const int DefaultGrpcPort = 50051;

    /// <summary>The protocol is gRPC, else AMQP.</summary>
    public bool IsGrpc { get; init; }

    public static Endpoint Default { get; } = new("127.0.0.1", DefaultPort, "guest", "guest", "/");

    /// <summary>Reads amqp:// or grpc://user:password@host:port/vhost, each part of which may be missing.</summary>
    public static bool TryParse(string text, out Endpoint endpoint, out string error)
    {
        endpoint = Default;
        error = "";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
        {
            error = $"'{text}' is no URI like amqp://user:password@host:5672/vhost";
            return false;
        }

        if (uri.Scheme is not ("amqp" or "grpc"))
        {
            error = $"the scheme '{uri.Scheme}' is not supported, only amqp and grpc";
            return false;
        }

        var login = uri.UserInfo.Split(':', 2);
        var vhost = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/'));
        endpoint = new Endpoint(
            uri.Host.Trim('[', ']'),
            uri.Port > 0 ? uri.Port : uri.Scheme == "grpc" ? DefaultGrpcPort : DefaultPort,
            login[0].Length > 0 ? Uri.UnescapeDataString(login[0]) : Default.User,
            login.Length > 1 ? Uri.UnescapeDataString(login[1]) : Default.Password,
            vhost.Length > 0 ? vhost : Default.VirtualHost)
        {
            IsGrpc = uri.Scheme == "grpc",
        };
        return true;
    }
}
