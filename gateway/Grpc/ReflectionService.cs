using Granary.Gateway.Grpc.Access;
using Grpc.Core;
using Grpc.Reflection.V1;
using Microsoft.Extensions.Hosting;
using static Grpc.Reflection.V1.ServerReflectionRequest;

namespace Granary.Gateway.Grpc;

/// <summary>The standard reflection service, version 1.</summary>
internal sealed class ReflectionService(DescriptorIndex index, IHostApplicationLifetime lifetime) : ServerReflection.ServerReflectionBase
{
    /// <summary>Bad questions are answered, too: the stream goes on.</summary>
    public static ServerReflectionResponse Answer(DescriptorIndex index, ServerReflectionRequest request)
    {
        var response = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case MessageRequestOneofCase.ListServices:
                response.ListServicesResponse = new ListServiceResponse { Service = { index.Services.Select(name => new ServiceResponse { Name = name }) } };
                break;
            case MessageRequestOneofCase.FileByFilename when index.FindFile(request.FileByFilename) is { } files:
                response.FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { files } };
                break;
            case MessageRequestOneofCase.FileByFilename:
                response.ErrorResponse = NotFound($"file '{request.FileByFilename}'");
                break;
            case MessageRequestOneofCase.FileContainingSymbol when index.FindSymbol(request.FileContainingSymbol) is { } files:
                response.FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { files } };
                break;
            case MessageRequestOneofCase.FileContainingSymbol:
                response.ErrorResponse = NotFound($"symbol '{request.FileContainingSymbol}'");
                break;
            case MessageRequestOneofCase.AllExtensionNumbersOfType when index.HasMessage(request.AllExtensionNumbersOfType):
                response.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = request.AllExtensionNumbersOfType };
                break;
            case MessageRequestOneofCase.AllExtensionNumbersOfType:
                response.ErrorResponse = NotFound($"type '{request.AllExtensionNumbersOfType}'");
                break;
            case MessageRequestOneofCase.FileContainingExtension:
                // proto3 messages have no extensions.
                response.ErrorResponse = NotFound(
                    $"extension {request.FileContainingExtension.ExtensionNumber} of '{request.FileContainingExtension.ContainingType}'");
                break;
            default:
                response.ErrorResponse = new ErrorResponse { ErrorCode = (int)StatusCode.InvalidArgument, ErrorMessage = "the request asks for nothing known" };
                break;
        }

        return response;
    }

    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream, IServerStreamWriter<ServerReflectionResponse> responseStream, ServerCallContext context)
    {
        while (await NextAsync(requestStream, context, lifetime.ApplicationStopping))
        {
            await responseStream.WriteAsync(Answer(index, requestStream.Current), context.CancellationToken);
        }
    }

    /// <summary>The next question. A stream that waits for one must not hold up the stop of the process.</summary>
    public static async Task<bool> NextAsync<T>(IAsyncStreamReader<T> requests, ServerCallContext context, CancellationToken stopping)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, stopping);
        try
        {
            return await requests.MoveNext(ended.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            throw CallErrors.Stopping();
        }
    }

    private static ErrorResponse NotFound(string what) => new() { ErrorCode = (int)StatusCode.NotFound, ErrorMessage = $"{what} not found" };
}
