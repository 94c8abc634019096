using System.Net;
using System.Net.Sockets;
using Granary.Cli.Commands;
using Granary.Cli.Invocation;

namespace Granary.Cli.Tests;

/// <summary>Command lines that come to nothing before a broker is asked, or because there is none.</summary>
public class SessionTests
{
    [Fact]
    public async Task Run_UnknownCommand_NamesTheNearestOne()
    {
        var (code, output, errors) = await RunAsync("list_queue");

        Assert.Equal(ExitCode.Usage, code);
        Assert.Equal("", output);
        Assert.Equal("\nCommand 'list_queue' not found. \nDid you mean 'list_queues'? \n\n", errors);
    }

    [Fact]
    public async Task Run_TooFewWords_TellsHowItIsCalled()
    {
        var (code, _, errors) = await RunAsync("add_user");

        Assert.Equal(ExitCode.Usage, code);
        Assert.StartsWith("Error (argument validation): not enough arguments.\nArguments given:\n\tadd_user\n", errors, StringComparison.Ordinal);
        Assert.Contains("rabbitmqctl [--node <node>] [--longnames] [--quiet] add_user <username>", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Error (argument validation): too many arguments.", "add_user", "a", "b", "c")]
    [InlineData("Error (argument validation): Invalid options for this command:\n--bogus : ", "list_queues", "--bogus")]
    [InlineData("Error (argument validation): Info key(s) bogus are not supported", "list_queues", "name", "bogus")]
    [InlineData("Error (argument validation): there is no formatter 'xml'", "list_queues", "--formatter", "xml")]
    [InlineData("Error (argument validation): Invalid options for this command:\n-t : soon", "list_queues", "-t", "soon")]
    [InlineData("Error (argument validation): --url is an address", "list_queues", "--url", "http://guest:guest@localhost:15672")]
    public async Task Run_CommandLineThatIsWrong_SaysWhy(string reason, params string[] line)
    {
        var (code, _, errors) = await RunAsync(line);

        Assert.Equal(ExitCode.Usage, code);
        Assert.StartsWith(reason, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExitCode.Usage, "Error (argument validation): not enough arguments.", "rabbitmq-plugins", "enable")]
    [InlineData(ExitCode.Usage, "Error (argument validation): not enough arguments.", "rabbitmq-plugins", "disable", "--offline")]
    [InlineData(ExitCode.Data, "Error (argument validation): Bad argument: Cannot set both --all and a list of plugins", "rabbitmq-plugins", "enable", "--all", "rabbitmq_management")]
    [InlineData(ExitCode.Data, "Error (argument validation): Bad argument: The node type must be either disc or ram.", "rabbitmqctl", "change_cluster_node_type", "bogus")]
    [InlineData(ExitCode.Unavailable, "Error:\ntype bogus is not supported. Try one of all, classic, quorum.", "rabbitmq-queues", "rebalance", "bogus")]
    [InlineData(ExitCode.Data, "Error:\nThe following plugins were not found: nosuch", "rabbitmq-plugins", "set", "nosuch", "--offline", "-q")]
    [InlineData(ExitCode.Software, "Error:\n{:plugins_not_found, [:nosuch]}", "rabbitmq-plugins", "enable", "nosuch", "--offline", "-q")]
    [InlineData(ExitCode.Data, "Error:\nFailed to deserialise input", "rabbitmqctl", "import_definitions", "-q")]
    public async Task Run_WordsThatCannotBeUsed_EndsWithRabbitMqsExitCode(int wanted, string reason, string tool, params string[] line)
    {
        var (code, output, errors) = await Ctl.RunAsync(tool, new Dictionary<string, string>(), line);

        Assert.Equal((wanted, ""), (code, output));
        Assert.StartsWith(reason, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_FileThatIsNotThere_IsAnErrorInTheData()
    {
        var (code, _, errors) = await RunAsync("import_definitions", "/nowhere/definitions.json");

        Assert.Equal(ExitCode.Data, code);
        Assert.StartsWith("Error (argument validation): Bad argument: File /nowhere/definitions.json does not exist\n", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WithoutABroker_IsUnavailable()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        var (code, _, errors) = await RunAsync("list_queues", "--url", $"http://127.0.0.1:{port}");

        Assert.Equal(ExitCode.Unavailable, code);
        Assert.StartsWith($"Error: unable to perform an operation on the node at http://127.0.0.1:{port}/", errors, StringComparison.Ordinal);
    }

    /// <summary>What Erlang alone has, or a database of RabbitMQ's: a sentence says what to do instead.</summary>
    [Theory]
    [InlineData("rabbitmqctl", "exec", "1+1")]
    [InlineData("rabbitmqctl", "schema_info")]
    [InlineData("rabbitmqctl", "rename_cluster_node", "rabbit@a", "rabbit@b")]
    [InlineData("rabbitmq-diagnostics", "observer")]
    [InlineData("rabbitmq-diagnostics", "remote_shell")]
    [InlineData("rabbitmq-diagnostics", "erlang_cookie_hash")]
    [InlineData("rabbitmq-diagnostics", "erlang_cookie_sources")]
    [InlineData("rabbitmq-diagnostics", "metadata_store_status")]
    [InlineData("rabbitmq-diagnostics", "message_size_stats")]
    [InlineData("rabbitmq-streams", "coordinator_status")]
    [InlineData("rabbitmqctl", "set_channel_interceptor_priorities", "a", "1")]
    [InlineData("rabbitmqctl", "add_signing_key", "k", "--pem-file=a.pem")]
    [InlineData("rabbitmqctl", "reset_stats_db", "--all")]
    [InlineData("rabbitmqctl", "deactivate_free_disk_space_monitoring")]
    [InlineData("rabbitmq-diagnostics", "cipher_suites", "--all")]
    [InlineData("rabbitmq-diagnostics", "enable_auth_attempt_source_tracking")]
    [InlineData("rabbitmq-plugins", "directories")]
    public async Task Run_OfWhatOnlyRabbitMqHas_IsRefusedAndSaysWhy(string tool, params string[] line)
    {
        var (code, output, errors) = await Ctl.RunAsync(tool, new Dictionary<string, string>(), line);

        Assert.Equal((ExitCode.Unavailable, ""), (code, output));
        Assert.Matches("^Error:\n.{40,}\\.?\n$", errors);
    }

    [Theory]
    [InlineData("<<\"a \\\"b\\\" c\">>")]
    [InlineData("\"text\"")]
    [InlineData("atom")]
    [InlineData("-70000")]
    [InlineData("200")]
    public async Task Encode_OfAValue_IsDecodedByItsPassphraseAlone(string value)
    {
        var (code, encoded, _) = await RunAsync("encode", value, "a phrase", "-q", "--cipher", "aes_256_cbc", "--hash", "sha512", "--iterations", "100");
        Assert.Equal(ExitCode.Done, code);

        Assert.Equal((ExitCode.Done, $"{value}\n", ""), await RunAsync("decode", encoded.Trim(), "a phrase", "-q", "--cipher", "aes_256_cbc", "--hash", "sha512", "--iterations", "100"));
        Assert.Equal(ExitCode.Unavailable, (await RunAsync("decode", encoded.Trim(), "a phrase", "-q")).Code);
        Assert.Equal(ExitCode.Unavailable, (await RunAsync("encode", "{no, such}", "a phrase", "-q")).Code);
    }

    [Fact]
    public async Task EncryptedValue_OfAConfigurationFile_IsDecryptedWithItsTagOrWithout()
    {
        var (code, encrypted, _) = await RunAsync("encrypt_conf_value", "\"secret\"", "a phrase", "-q", "--iterations", "100");
        Assert.Equal(ExitCode.Done, code);
        Assert.StartsWith("encrypted:", encrypted, StringComparison.Ordinal);
        foreach (var given in new[] { encrypted.Trim(), encrypted.Trim()["encrypted:".Length..], $"<<\"{encrypted.Trim()}\">>" })
        {
            Assert.Equal((ExitCode.Done, "\"secret\"\n", ""), await RunAsync("decrypt_conf_value", given, "a phrase", "-q", "--iterations", "100"));
        }

        Assert.Equal(ExitCode.Unavailable, (await RunAsync("decrypt_conf_value", encrypted.Trim(), "another", "-q", "--iterations", "100")).Code);
    }

    [Fact]
    public async Task Help_OfTheTool_ListsEachCommandOnce()
    {
        var (code, output, _) = await RunAsync("help");

        Assert.Equal(ExitCode.Done, code);
        var lines = output.Split('\n');
        Assert.All(Tool.Of("rabbitmqctl").Commands, command => Assert.Single(lines, line => line.StartsWith($"   {command.Name} ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Tools_OfAllNames_HaveNoNameTwice() => Assert.All(
        ["granaryctl", "rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-plugins", "rabbitmq-queues", "rabbitmq-streams", "rabbitmq-upgrade"],
        name => Assert.Equal(Tool.Of(name).Commands.Count, Tool.Of(name).Commands.Select(command => command.Name).Distinct().Count()));

    private static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] line)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var errors = new StringWriter { NewLine = "\n" };
        var code = await new Session(Tool.Of("rabbitmqctl"), TextReader.Null, output, errors, static _ => null).RunAsync(line);
        return (code, output.ToString(), errors.ToString());
    }
}
