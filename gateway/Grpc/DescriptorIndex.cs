using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Gateway.Grpc;

/// <summary>The proto files behind a set of services, by path and by the symbols that they declare.</summary>
internal sealed class DescriptorIndex
{
    private readonly Dictionary<string, FileDescriptor> _files = [];
    private readonly Dictionary<string, FileDescriptor> _symbols = [];
    private readonly HashSet<string> _messages = [];

    public DescriptorIndex(IEnumerable<ServiceDescriptor> services)
    {
        Services = [.. services.Select(service => service.FullName).Order(StringComparer.Ordinal)];
        foreach (var service in services)
        {
            Add(service.File);
        }
    }

    /// <summary>Full names, sorted.</summary>
    public IReadOnlyList<string> Services { get; }

    public bool HasMessage(string fullName) => _messages.Contains(fullName);

    /// <summary>A file and everything it imports, each serialized; null if there is none of this path.</summary>
    public IReadOnlyList<ByteString>? FindFile(string path) => _files.TryGetValue(path, out var file) ? WithImports(file) : null;

    /// <summary>The same for the file that declares a symbol.</summary>
    public IReadOnlyList<ByteString>? FindSymbol(string fullName) => _symbols.TryGetValue(fullName, out var file) ? WithImports(file) : null;

    private static List<ByteString> WithImports(FileDescriptor file)
    {
        var seen = new HashSet<string> { file.Name };
        var found = new List<FileDescriptor> { file };
        for (var next = 0; next < found.Count; next++)
        {
            found.AddRange(found[next].Dependencies.Where(import => seen.Add(import.Name)));
        }

        return [.. found.Select(each => each.SerializedData)];
    }

    private void Add(FileDescriptor file)
    {
        if (!_files.TryAdd(file.Name, file))
        {
            return;
        }

        foreach (var import in file.Dependencies)
        {
            Add(import);
        }

        foreach (var message in file.MessageTypes)
        {
            Add(message);
        }

        foreach (var type in file.EnumTypes)
        {
            Add(type);
        }

        foreach (var service in file.Services)
        {
            _symbols[service.FullName] = file;
            foreach (var method in service.Methods)
            {
                _symbols[method.FullName] = file;
            }
        }
    }

    private void Add(MessageDescriptor message)
    {
        _messages.Add(message.FullName);
        _symbols[message.FullName] = message.File;
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            _symbols[field.FullName] = message.File;
        }

        foreach (var oneof in message.Oneofs)
        {
            _symbols[oneof.FullName] = message.File;
        }

        foreach (var nested in message.NestedTypes)
        {
            Add(nested);
        }

        foreach (var type in message.EnumTypes)
        {
            Add(type);
        }
    }

    private void Add(EnumDescriptor type)
    {
        // As in C++, enum values belong to the scope around their type.
        _symbols[type.FullName] = type.File;
        var scope = type.FullName[..^type.Name.Length];
        foreach (var value in type.Values)
        {
            _symbols[scope + value.Name] = type.File;
        }
    }
}
