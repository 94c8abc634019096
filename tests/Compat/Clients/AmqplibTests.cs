using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>npm's amqplib: confirms, acks, returns and requeues.</summary>
public sealed class AmqplibTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(2);
    private static readonly Lazy<Task<string>> Modules = new(InstallAsync);

    [Theory]
    [InlineData("confirms")]
    [InlineData("consume_with_acks")]
    [InlineData("mandatory_return")]
    [InlineData("nack_with_requeue")]
    public async Task Amqplib_Script_Passes(string script) =>
        await Script.RunAsync(shared.Broker, "node", $"Node/{script}.js", await Modules.Value);

    /// <summary>Installs package.json's dependencies into .build (outside git) unless exactly these are there.</summary>
    private static async Task<string> InstallAsync()
    {
        var wanted = await File.ReadAllTextAsync(RepositoryPath.Of("tests", "Compat", "Node", "package.json"));
        var folder = RepositoryPath.Of(".build", "npm");
        var installed = Path.Combine(folder, "installed");
        if (!File.Exists(installed) || await File.ReadAllTextAsync(installed) != wanted)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "package.json"), wanted);
            await ChildProcess.RunAsync(
                "npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], InstallLimit, folder: folder);
            await File.WriteAllTextAsync(installed, wanted);
        }

        return Path.Combine(folder, "node_modules");
    }
}
