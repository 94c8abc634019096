using System.Globalization;
using System.Text;
using Granary.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Bench.Load;

/// <summary>A connection of its own, with the credentials that its calls carry.</summary>
internal sealed class GrpcConnection : IDisposable
{
    private const int StreamWindow = 1024 * 1024;

    private readonly SocketsHttpHandler _handler;
    private readonly GrpcChannel _channel;

    public GrpcConnection(LoadOptions options)
    {
        var endpoint = options.Endpoint;
        var host = endpoint.Host.Contains(':') ? $"[{endpoint.Host}]" : endpoint.Host;
        _handler = new SocketsHttpHandler { UseProxy = false, InitialHttp2StreamWindowSize = StreamWindow };
        _channel = GrpcChannel.ForAddress(
            string.Create(CultureInfo.InvariantCulture, $"http://{host}:{endpoint.Port}"),
            new GrpcChannelOptions { HttpHandler = _handler, MaxReceiveMessageSize = null });
        var login = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{endpoint.User}:{endpoint.Password}"));
        Call = new CallOptions(new Metadata { { "authorization", $"Basic {login}" }, { "granary-vhost", endpoint.VirtualHost } });
        Topology = new Topology.TopologyClient(_channel);
    }

    public CallOptions Call { get; }

    public Topology.TopologyClient Topology { get; }

    /// <summary>Opens a stream whose messages are marshalled by the caller's own means.</summary>
    public AsyncDuplexStreamingCall<TRequest, TResponse> Open<TRequest, TResponse>(
        string method, Marshaller<TRequest> requests, Marshaller<TResponse> responses)
        where TRequest : class
        where TResponse : class => _channel.CreateCallInvoker().AsyncDuplexStreamingCall(
            new Method<TRequest, TResponse>(MethodType.DuplexStreaming, "granary.v1.Messaging", method, requests, responses), null, Call);

    public void Dispose()
    {
        _channel.Dispose();
        _handler.Dispose();
    }
}
