using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>What protoc and its gRPC plugin make of protos/granary.proto for Python: the command that docs/grpc.md tells newcomers.</summary>
public sealed class PythonStubs : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("granary-stubs-");

    public string Folder => _folder.FullName;

    public async Task InitializeAsync() => await ChildProcess.RunAsync(
        "protoc",
        [
            "-I", "protos", $"--python_out={Folder}", "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin", $"--grpc_python_out={Folder}",
            "protos/granary.proto",
        ],
        Limit);

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }
}
