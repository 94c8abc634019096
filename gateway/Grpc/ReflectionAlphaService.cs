using Google.Protobuf;
using Grpc.Core;
using Grpc.Reflection.V1Alpha;
using Microsoft.Extensions.Hosting;
using Current = Grpc.Reflection.V1;

namespace Granary.Gateway.Grpc;

/// <summary>The reflection service as older tools know it: version 1 under another package name, with the same bytes.</summary>
internal sealed class ReflectionAlphaService(DescriptorIndex index, IHostApplicationLifetime lifetime) : ServerReflection.ServerReflectionBase
{
    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream, IServerStreamWriter<ServerReflectionResponse> responseStream, ServerCallContext context)
    {
        while (await ReflectionService.NextAsync(requestStream, context, lifetime.ApplicationStopping))
        {
            var request = Current.ServerReflectionRequest.Parser.ParseFrom(requestStream.Current.ToByteString());
            var response = ReflectionService.Answer(index, request);
            await responseStream.WriteAsync(ServerReflectionResponse.Parser.ParseFrom(response.ToByteString()), context.CancellationToken);
        }
    }
}
