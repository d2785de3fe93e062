// Whether a model is still as it was. What Python keeps of it is compared by identity, tensors by what PyTorch tells of
// them; their numbers, which can change without a trace, are read again, a part of them at a time.
#pragma once
#include <atomic>

#include "binding.h"

namespace binding {

class Watch {
   public:
    enum Found : int64_t { CHANGED = -3, NOT_NOW = -4 };

    // root: a weak reference to the model, or `...`, and how many attributes it has: what holds a watch is held by none;
    // tables: dicts and the values that they have, in order, or `...` for any; kinds: objects and their classes; noisy:
    // dicts of parts that compute something else in training; weights: tensors, others over their memory, the version,
    // address and bytes of each, and how many numbers to read there; mixed: a function that tells whether PyTorch computes
    // in another precision than asked for, and its argument
    Watch(nb::object root, Py_ssize_t attributes, const nb::list &tables, const nb::list &kinds, const nb::list &noisy, const nb::list &weights,
          nb::object mixed, nb::object device)
        : kernels_(kernels), root_(std::move(root)), attributes_(attributes), mixed_(std::move(mixed)), device_(std::move(device)), steps_seen_(steps_taken()) {
        for (nb::handle one : tables) {
            Table table{nb::cast<nb::dict>(one[0]), {}};
            for (nb::handle value : nb::cast<nb::list>(one[1]))
                table.values.push_back(value.ptr() == Py_Ellipsis ? nb::object() : nb::borrow(value));
            tables_.push_back(std::move(table));
        }
        for (nb::handle one : kinds) kinds_.push_back({nb::borrow(one[0]), nb::borrow(one[1])});
        for (nb::handle one : noisy) noisy_.push_back(nb::cast<nb::dict>(one));
        int64_t total = 0;
        for (nb::handle one : weights) {
            weights_.push_back({nb::borrow(one[0]), nb::borrow(one[1]), nb::cast<uint64_t>(one[2]),
                                nb::cast<uint64_t>(one[3]), nb::cast<uint64_t>(one[4])});
            numbers_.push_back({numbers(nb::cast<Address>(one[3])), nb::cast<int64_t>(one[5])});
            check(numbers_.back().count >= 0, "the number of weights");
            total += numbers_.back().count;
        }
        parts_ = (int32_t)std::max<int64_t>(1, std::min<int64_t>(MOST_PARTS, total / LEAST_NUMBERS));
        for (int32_t part = 0; part < parts_; ++part) digests_.push_back(digest(part));
    }
    Watch(const Watch &) = delete;

    // What can be seen at once; with the GIL. Returns 0 where nothing speaks against the model as it was.
    int64_t look() const {
        if (!is_root_same()) return CHANGED;
        for (const Table &table : tables_)
            if (!table.is_same()) return CHANGED;
        for (const Kind &kind : kinds_)
            if ((PyObject *)Py_TYPE(kind.object.ptr()) != kind.type.ptr()) return CHANGED;
        for (const nb::dict &one : noisy_)
            if (is_training(one)) return NOT_NOW;
        const nb::object mixed = nb::steal(PyObject_CallOneArg(mixed_.ptr(), device_.ptr()));
        if (failed() || mixed.ptr() != Py_False) return NOT_NOW;
        for (const Weight &weight : weights_)
            if (!weight.is_same()) return CHANGED;
        return 0;
    }

    // How many parts of the numbers to read for so many steps: all, where an optimizer took a step.
    int32_t parts(int64_t steps) const {
        return steps_seen_ != steps_taken() ? parts_ : (int32_t)std::min<int64_t>(steps, parts_);
    }

    // Read so many parts of the numbers, those that were not read for longest; without the GIL.
    bool is_read_same(int32_t parts) const {
        const uint64_t steps = steps_taken();
        const uint32_t first = turn_.fetch_add((uint32_t)parts);
        for (int32_t i = 0; i < parts; ++i) {
            const int32_t part = (int32_t)((first + (uint32_t)i) % (uint32_t)parts_);
            if (digest(part) != digests_[part]) return false;
        }
        if (parts == parts_) steps_seen_ = steps;
        return true;
    }

    // An optimizer took a step: whose weights it changed is not known.
    static void note_step() { ++steps_taken_; }

    static int traverse(PyObject *self, visitproc visit, void *arg) {
        Py_VISIT(Py_TYPE(self));
        if (!nb::inst_ready(self)) return 0;
        const Watch &of = *nb::inst_ptr<Watch>(self);
        for (const Table &table : of.tables_) {
            Py_VISIT(table.dict.ptr());
            for (const nb::object &value : table.values) Py_VISIT(value.ptr());
        }
        for (const Kind &kind : of.kinds_) Py_VISIT(kind.object.ptr());
        for (const nb::dict &one : of.noisy_) Py_VISIT(one.ptr());
        for (const Weight &weight : of.weights_) {
            Py_VISIT(weight.tensor.ptr());
            Py_VISIT(weight.alias.ptr());
        }
        return 0;
    }
    static int clear(PyObject *self) {
        Watch &of = *nb::inst_ptr<Watch>(self);
        const auto tables = std::move(of.tables_);  // what goes with them finds them gone
        const auto kinds = std::move(of.kinds_);
        const auto noisy = std::move(of.noisy_);
        return 0;  // what holds tensors alone holds nothing that leads back here
    }

   private:
    static constexpr int32_t MOST_PARTS = 1000;     // one of so many takes a small part of the time of a step, with int8 weights too
    static constexpr int64_t LEAST_NUMBERS = 1024;  // read in less time than looking at all the rest takes

    struct Table {
        nb::dict dict;
        std::vector<nb::object> values;
        bool is_same() const {
            if (PyDict_Size(dict.ptr()) != (Py_ssize_t)values.size()) return false;
            Py_ssize_t at = 0;
            PyObject *key, *value;
            for (size_t i = 0; PyDict_Next(dict.ptr(), &at, &key, &value); ++i)
                if (i >= values.size() || (values[i].is_valid() && values[i].ptr() != value)) return false;
            return true;
        }
    };
    struct Kind {
        nb::object object, type;
    };
    // A number that PyTorch tells of a tensor, asked for by its own function: that takes half as long as by its name.
    struct Told {
        nb::object by;  // as the class has it
        explicit Told(const char *name) : by(nb::module_::import_("torch").attr("Tensor").attr(name)) {}
        bool is(uint64_t wanted, PyObject *of) const {
            nb::object told;
            if (PyObject_TypeCheck(by.ptr(), &PyGetSetDescr_Type)) {
                const PyGetSetDef *getset = reinterpret_cast<PyGetSetDescrObject *>(by.ptr())->d_getset;
                told = nb::steal(getset->get(of, getset->closure));
            } else if (PyObject_TypeCheck(by.ptr(), &PyMethodDescr_Type)) {
                const PyMethodDef *method = reinterpret_cast<PyMethodDescrObject *>(by.ptr())->d_method;
                told = nb::steal(method->ml_flags == METH_NOARGS ? method->ml_meth(of, nullptr) : PyObject_CallOneArg(by.ptr(), of));
            } else {
                told = nb::steal(PyObject_CallOneArg(by.ptr(), of));
            }
            return !failed() && PyLong_AsUnsignedLongLong(told.ptr()) == wanted && !failed();
        }
    };
    struct Weight {
        nb::object tensor, alias;  // the second one keeps the memory
        uint64_t version, address, bytes;
        bool is_same() const {
            static const Told &version_of = *new Told("_version"), &address_of = *new Told("data_ptr"),
                              &bytes_of = *new Told("nbytes");
            return version_of.is(version, tensor.ptr()) && address_of.is(address, tensor.ptr()) &&
                   bytes_of.is(bytes, tensor.ptr());
        }
    };

    bool is_root_same() const {
        if (root_.ptr() == Py_Ellipsis) return true;
        PyObject *const model = PyWeakref_GetObject(root_.ptr());  // which the caller holds
        if (!model || model == Py_None) return failed();
        const nb::object attributes = nb::steal(PyObject_GenericGetDict(model, nullptr));
        return !failed() && PyDict_Size(attributes.ptr()) == attributes_;
    }
    static bool is_training(const nb::dict &part) {
        static PyObject *const name = PyUnicode_InternFromString("training");
        return PyDict_GetItem(part.ptr(), name) != Py_False;
    }
    static bool failed() {
        if (!PyErr_Occurred()) return false;
        PyErr_Clear();
        return true;
    }
    static uint64_t steps_taken() { return steps_taken_; }
    uint64_t digest(int32_t part) const {
        return kernels_->digest(numbers_.data(), (int32_t)numbers_.size(), part, parts_);
    }

    inline static std::atomic<uint64_t> steps_taken_{0};
    const statewise_kernels *kernels_;
    nb::object root_;
    Py_ssize_t attributes_;
    std::vector<Table> tables_;
    std::vector<Kind> kinds_;
    std::vector<nb::dict> noisy_;
    std::vector<Weight> weights_;
    std::vector<statewise_numbers> numbers_;
    std::vector<uint64_t> digests_;
    nb::object mixed_, device_;
    int32_t parts_ = 1;
    mutable std::atomic<uint32_t> turn_{0};
    mutable std::atomic<uint64_t> steps_seen_{0};
};

}  // namespace binding
