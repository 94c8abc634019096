using System.Net;
using Granary.StandIns.Tests.Grpc.Wire;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.StandIns.Tests.Grpc;

/// <summary>The echo service on a port of its own, without TLS, and a client for it.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    public const int MaxMessageSize = 1024 * 1024;

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly WebApplication _host;

    private EchoServer(WebApplication host)
    {
        _host = host;
        Channel = GrpcChannel.ForAddress(Address, new GrpcChannelOptions { MaxReceiveMessageSize = 4 * MaxMessageSize });
        Client = new Echo.EchoClient(Channel);
    }

    public string Address => _host.Urls.Single();

    public EchoEvents Events => _host.Services.GetRequiredService<EchoEvents>();

    public GrpcChannel Channel { get; }

    public Echo.EchoClient Client { get; }

    public static async Task<EchoServer> StartAsync(bool detailedErrors = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = MaxMessageSize;
            options.MaxSendMessageSize = 2 * MaxMessageSize;
            options.EnableDetailedErrors = detailedErrors;
        });
        builder.Services.AddSingleton<EchoEvents>();
        var host = builder.Build();
        host.MapGrpcService<EchoService>();
        await host.StartAsync();
        return new EchoServer(host);
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _host.StopAsync();
        await _host.DisposeAsync();
    }

    public static async Task<RpcException> ExpectStatusAsync(StatusCode code, Func<Task> call)
    {
        var exception = await Assert.ThrowsAsync<RpcException>(() => call().WaitAsync(Patience));
        Assert.Equal(code, exception.StatusCode);
        return exception;
    }
}
