using System.Diagnostics;

namespace Granary.StandIns.Tests.Grpc;

/// <summary>gRPC's own clients against the server: what they check stands in GrpcClients/.</summary>
public sealed class GrpcForeignClientTests
{
    private static readonly string Scripts = Path.Combine(AppContext.BaseDirectory, "GrpcClients");

    [NeedsFact("/usr/bin/python3", "/usr/bin/protoc", "/usr/bin/grpc_python_plugin", "/usr/lib/python3/dist-packages/grpc")]
    public async Task Python_EveryCallShape_Works()
    {
        await using var server = await EchoServer.StartAsync();
        var stubs = Directory.CreateTempSubdirectory("granary-echo-").FullName;
        try
        {
            await RunAsync("/usr/bin/protoc", "-I", Scripts, $"--python_out={stubs}", "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
                $"--grpc_python_out={stubs}", Path.Combine(Scripts, "echo.proto"));
            var output = await RunAsync("/usr/bin/python3", Path.Combine(Scripts, "echo_client.py"), new Uri(server.Address).Authority, stubs);
            Assert.Equal(11, output.Split('\n').Count(line => line.StartsWith("ok ", StringComparison.Ordinal)));
        }
        finally
        {
            Directory.Delete(stubs, recursive: true);
        }
    }

    [NeedsFact("/usr/bin/node", "/usr/bin/npm")]
    public async Task Node_EveryCallShape_Works()
    {
        await using var server = await EchoServer.StartAsync();
        if (!Directory.Exists(Path.Combine(Scripts, "node_modules", "@grpc", "grpc-js")))
        {
            await RunAsync("/usr/bin/npm", "install", "--prefix", Scripts, "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock");
        }

        var output = await RunAsync("/usr/bin/node", Path.Combine(Scripts, "echo_client.cjs"), new Uri(server.Address).Authority);
        Assert.Equal(10, output.Split('\n').Count(line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}\n{await output}\n{await errors}");
        return await output;
    }
}

/// <summary>A test that is skipped, and says so, where a program it needs is missing.</summary>
internal sealed class NeedsFactAttribute : FactAttribute
{
    public NeedsFactAttribute(params string[] paths)
    {
        if (paths.FirstOrDefault(path => !Path.Exists(path)) is { } missing)
        {
            Skip = $"needs {missing}";
        }
    }
}
