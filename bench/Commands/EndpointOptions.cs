using System.CommandLine;
using Granary.Bench.Amqp;

namespace Granary.Bench.Commands;

/// <summary>The options that say where the broker is: a URI, and parts that override it.</summary>
internal sealed class EndpointOptions
{
    private readonly Option<string?> _uri = new("--uri") { Description = "amqp://user:password@host:port/vhost, or grpc://" };
    private readonly Option<string?> _host = new("--host") { Description = "Host name or address (127.0.0.1)" };
    private readonly Option<int?> _port = new("--port") { Description = "Port (5672)" };
    private readonly Option<string?> _user = new("--user") { Description = "User (guest)" };
    private readonly Option<string?> _password = new("--password") { Description = "Password (guest)" };
    private readonly Option<string?> _vhost = new("--vhost") { Description = "Virtual host (/)" };

    public EndpointOptions() => _uri.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<string?>() is { } text && !Endpoint.TryParse(text, out _, out var error))
        {
            result.AddError($"--uri: {error}");
        }
    });

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_uri, _host, _port, _user, _password, _vhost])
        {
            command.Options.Add(option);
        }
    }

    public Endpoint Read(ParseResult parsed)
    {
        var endpoint = Endpoint.Default;
        if (parsed.GetValue(_uri) is { } uri)
        {
            Endpoint.TryParse(uri, out endpoint, out _);
        }

        // Secrets are often made from files, with a line's end after the value: the broker ignores it, too.
        return new Endpoint(
            parsed.GetValue(_host) ?? endpoint.Host,
            parsed.GetValue(_port) ?? endpoint.Port,
            parsed.GetValue(_user)?.TrimEnd('\r', '\n') ?? endpoint.User,
            parsed.GetValue(_password)?.TrimEnd('\r', '\n') ?? endpoint.Password,
            parsed.GetValue(_vhost) ?? endpoint.VirtualHost)
        {
            IsGrpc = endpoint.IsGrpc,
        };
    }
}
