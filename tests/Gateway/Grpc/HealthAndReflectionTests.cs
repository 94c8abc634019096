using System.Net;
using Google.Protobuf.Reflection;
using Granary.Core.Health;
using Granary.Gateway.Grpc;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Grpc.Net.Client;
using Grpc.Reflection.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using static Grpc.Health.V1.HealthCheckResponse.Types;
using Older = Grpc.Reflection.V1Alpha;

namespace Granary.Gateway.Tests.Grpc;

public sealed class HealthAndReflectionTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private WebApplication _host = null!;
    private GrpcChannel _channel = null!;
    private HealthStatus _status = HealthStatus.Unhealthy;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddHealthAndReflection()
            .AddCheck("told", () => new HealthCheckResult(_status), tags: [HealthTags.Ready])
            .AddCheck("of another question", () => HealthCheckResult.Unhealthy(), tags: [HealthTags.Live]);
        builder.Services.Configure<HealthCheckPublisherOptions>(publisher => (publisher.Delay, publisher.Period) = (TimeSpan.Zero, TimeSpan.FromSeconds(1)));
        _host = builder.Build();
        _host.MapGrpcGateway();
        await _host.StartAsync();
        _channel = GrpcChannel.ForAddress(_host.Urls.Single());
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _host.DisposeAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("granary.v1.Messaging")]
    public async Task Check_KnownService_TellsItsState(string service)
    {
        var client = new Health.HealthClient(_channel);
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest { Service = service })).Status);

        _status = HealthStatus.Degraded;
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest { Service = service })).Status);
    }

    [Fact]
    public void OwnServices_AreThoseOfTheProtos() =>
        Assert.Equal([V1.Topology.Descriptor.FullName, V1.Messaging.Descriptor.FullName, V1.Rpc.Descriptor.FullName], HealthAndReflection.OwnServices);

    [Fact]
    public async Task Check_UnknownService_IsNotFound()
    {
        var call = new Health.HealthClient(_channel).CheckAsync(new HealthCheckRequest { Service = "nobody" });

        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task Watch_Changes_AreTold()
    {
        // What is watched before it was published is told once more when it is.
        await WaitUntilAllArePublishedAsync();
        using var call = new Health.HealthClient(_channel).Watch(new HealthCheckRequest { Service = "granary.v1.Rpc" });
        Assert.Equal(ServingStatus.NotServing, await NextAsync(call));

        _status = HealthStatus.Healthy;
        Assert.Equal(ServingStatus.Serving, await NextAsync(call));
        _status = HealthStatus.Unhealthy;
        Assert.Equal(ServingStatus.NotServing, await NextAsync(call));
    }

    [Fact]
    public async Task Watch_UnknownService_IsTold()
    {
        using var call = new Health.HealthClient(_channel).Watch(new HealthCheckRequest { Service = "nobody" });
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(call));
    }

    [Fact]
    public async Task Reflection_Services_AreListed()
    {
        var response = await AskAsync(new ServerReflectionRequest { ListServices = "" });

        Assert.Equal(
            [
                "granary.v1.Messaging", "granary.v1.Rpc", "granary.v1.Topology", "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
            ],
            response.ListServicesResponse.Service.Select(service => service.Name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("granary.v1.Messaging", "granary.proto")]
    [InlineData("granary.v1.Messaging.PublishStream", "granary.proto")]
    [InlineData("granary.v1.Message", "granary.proto")]
    [InlineData("grpc.health.v1.HealthCheckResponse.ServingStatus", "health.proto")]
    public async Task Reflection_Symbol_GivesItsFile(string symbol, string file)
    {
        var response = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });

        Assert.Equal(file, FileDescriptorProto.Parser.ParseFrom(response.FileDescriptorResponse.FileDescriptorProto[0]).Name);
    }

    [Fact]
    public async Task Reflection_File_CanBeRebuilt()
    {
        var response = await AskAsync(new ServerReflectionRequest { FileByFilename = "granary.proto" });
        var files = FileDescriptor.BuildFromByteStrings(response.FileDescriptorResponse.FileDescriptorProto);

        Assert.Equal(["Topology", "Messaging", "Rpc"], files.Single().Services.Select(service => service.Name));
    }

    [Fact]
    public async Task Reflection_UnknownThings_AreNotFoundAndTheStreamGoesOn()
    {
        using var call = new ServerReflection.ServerReflectionClient(_channel).ServerReflectionInfo();
        ServerReflectionRequest[] requests = [new() { FileByFilename = "no.proto" }, new() { FileContainingSymbol = "no.Such" }];
        foreach (var request in requests)
        {
            await call.RequestStream.WriteAsync(request);
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience));
            Assert.Equal((int)StatusCode.NotFound, call.ResponseStream.Current.ErrorResponse.ErrorCode);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience));
    }

    [Fact]
    public async Task Reflection_OlderVersion_AnswersTheSame()
    {
        using var call = new Older.ServerReflection.ServerReflectionClient(_channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new Older.ServerReflectionRequest { FileContainingSymbol = "granary.v1.Rpc" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience));

        var file = Assert.Single(call.ResponseStream.Current.FileDescriptorResponse.FileDescriptorProto);
        Assert.Equal("granary.proto", FileDescriptorProto.Parser.ParseFrom(file).Name);
    }

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> call)
    {
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience));
        return call.ResponseStream.Current.Status;
    }

    private async Task WaitUntilAllArePublishedAsync()
    {
        var published = _host.Services.GetRequiredService<HealthServiceImpl>();
        using var patience = new CancellationTokenSource(Patience);
        while (!IsKnown())
        {
            await Task.Delay(10, patience.Token);
        }

        bool IsKnown()
        {
            try
            {
                // The whole process, which is the last of them.
                _ = published.Check(new HealthCheckRequest { Service = "" }, null!);
                return true;
            }
            catch (RpcException)
            {
                return false;
            }
        }
    }

    private async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        using var call = new ServerReflection.ServerReflectionClient(_channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(request);
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience));
        return call.ResponseStream.Current;
    }
}
